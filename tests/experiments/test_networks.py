"""`pigmm analyze --chain`: whole networks from files to a page, and what is said of those that are none."""

import json

import numpy as np
import pytest
import xarray as xr

from analysis import Chain, study_layers
from analysis.symmetry.chain import chain_of
from experiments.__main__ import main
from experiments.run.recording import layers_of

SIZES = (5, 4, 3, 2)


def networks(members: int = 50) -> dict[str, np.ndarray]:
    """The row sums of the first matrix are passed on to the columns of the second."""
    first, second, third = Chain(SIZES).standard_normal(np.random.default_rng(0), members)
    shared = np.random.default_rng(1).standard_normal((members, SIZES[1]))
    return {"in": first + shared[:, :, None], "mid": second + shared[:, None, :], "out": third}


@pytest.fixture
def file(tmp_path) -> str:
    np.savez(tmp_path / "networks.npz", allow_pickle=False, **networks())
    return str(tmp_path / "networks.npz")


def test_layers_of_one_file_are_fitted_together(file, tmp_path, capsys):
    json_file, out = tmp_path / "fit.json", tmp_path / "out"
    arguments = ["--chain", "in", "mid", "out", "--json", str(json_file), "--out", str(out)]
    assert main(["analyze", file, *arguments]) == 0
    said = capsys.readouterr().out
    found = study_layers(tuple(networks().values()))
    assert "networks    50 of 5 x 4 x 3 x 2 units, 0 excluded" in said
    assert f"in–mid: rho of sums {found.correlation.rho[0]:.3g}" in said
    entry = json.loads(json_file.read_text())
    assert entry["symmetry"]["name"] == "chain"
    assert entry["symmetry"]["layers"] == ["in", "mid", "out"]
    names = Chain(SIZES).parameter_names
    assert entry["parameters"]["T1rc"]["value"] == pytest.approx(found.fit.model.parameters[names.index("T1rc")])
    assert entry["hidden"][0]["randomisation"]["relabelled_sums"] == 1 / 200
    assert entry["independent"]["bartlett"] == pytest.approx(found.independent.bartlett)
    graph = str(found.cumulants.graphs[0])
    assert entry["cumulants"][graph]["z"] == pytest.approx(found.cumulants.z[0])
    page = (out / "report.html").read_text()
    assert "Independent layers are rejected by second moments" in page
    assert "epoch" not in page.split("<script>")[0]
    assert len((out / "tables" / "layer_cumulants.csv").read_text().splitlines()) == 79


def test_the_folder_holds_what_the_fit_follows_from(file, tmp_path):
    assert main(["analyze", file, "--chain", "in", "mid", "out", "--out", str(tmp_path / "out")]) == 0
    with xr.open_dataset(tmp_path / "out" / "results.nc") as results:
        recording = layers_of(results)
    assert recording is not None
    assert recording.symmetry == Chain(SIZES)
    data = tuple(networks().values())
    np.testing.assert_allclose(recording.block_moments[:, 0], recording.symmetry.block_moments(data), rtol=1e-12)
    np.testing.assert_allclose(
        recording.factors[:, 0], recording.symmetry.evaluate(recording.symmetry.recorded, data), rtol=1e-12
    )


def test_layers_of_a_file_each(tmp_path, capsys):
    paths = []
    for name, stack in networks().items():
        stack[7] = np.nan if name == "mid" else stack[7]
        paths.append(str(tmp_path / f"{name}.npy"))
        np.save(paths[-1], stack)
    assert main(["analyze", *paths, "--chain"]) == 0
    said = capsys.readouterr().out
    assert "networks    49 of 5 x 4 x 3 x 2 units, 1 excluded" in said
    assert "chain of in, mid, out, 20 parameters" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--chain", "in", "out"], "are no chain: give [..., h_l, h_(l-1)] for l = 1, ..., K; transpose them if"),
        (["--chain", "in"], "a chain of one layer: name at least two arrays"),
        (["--chain", "in", "in"], "two layers have the same name (in, in)"),
        (["--chain", "in", "nowhere"], "nowhere"),
        (["--chain", "in", "mid", "--symmetry", "separate"], "leave out --key and --symmetry"),
        (["{file}", "--chain", "in", "mid"], "--chain names 2 arrays, but 2 files are given"),
        (["{file}", "--key", "in"], "2 files, but --key and --symmetry are of one"),
        (["--chain", "in", "mid", "--select", "in"], "leave out --key, --symmetry and --chain"),
        (["--chain", "in", "short"], "of the same members"),
        (["--chain", "in", "lost"], "every network has a weight that is not finite"),
    ],
)
def test_what_is_no_chain_is_refused_in_one_line(arguments, message, tmp_path, capsys):
    arrays = networks()
    arrays |= {"short": arrays["mid"][:9], "lost": np.full_like(arrays["mid"], np.nan)}
    np.savez(tmp_path / "networks.npz", allow_pickle=False, **arrays)
    path = str(tmp_path / "networks.npz")
    assert main(["analyze", path, *(path if one == "{file}" else one for one in arguments)]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_an_analysis_of_networks_is_neither_redrawn_nor_compared(file, tmp_path, capsys):
    for name in ("one", "two"):
        assert main(["analyze", file, "--chain", "in", "mid", "--out", str(tmp_path / name)]) == 0
    assert main(["report", str(tmp_path / "one")]) == 2
    assert "give its `pigmm analyze` again" in capsys.readouterr().err
    assert main(["compare", str(tmp_path / "one"), str(tmp_path / "two"), "--out", str(tmp_path / "both")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_narrow_layers_and_few_members_say_what_is_not_known(tmp_path, capsys):
    data = Chain((3, 1, 2)).standard_normal(np.random.default_rng(2), 2)
    assert chain_of(data) == Chain((3, 1, 2))
    np.savez(tmp_path / "narrow.npz", a=data[0], b=data[1])
    assert main(["analyze", str(tmp_path / "narrow.npz"), "--chain", "a", "b", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "nan" not in said
    assert "add members" in said
    page = (tmp_path / "out" / "report.html").read_text()
    assert "layer 1 has one unit" in page
    assert ">nan<" not in page
