"""The analysis of whole networks that did not come from this program: what `pigmm analyze --chain` writes and says."""

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from analysis import Chain, Layers, study_layers
from analysis.inference.multiplicity import LEVEL
from analysis.layers import of_one_epoch
from analysis.show.layers import hidden_titles, layers_entry
from analysis.symmetry.base import chosen_members, finite_members
from analysis.symmetry.chain import chain_of
from analysis.weights.tensors import sized
from experiments.errors import UserError
from experiments.report import page
from experiments.report.content import Document, Grid, Paragraph, Section, Verdicts, verdicts_of
from experiments.report.layers import layers_part
from experiments.report.matrices import read_stack
from experiments.report.outputs import REPORT, provenance_of, write_part
from experiments.run.recording import given_networks
from experiments.store import atomic
from experiments.store.run_folder import RunFolder

Stacks = tuple[Float[np.ndarray, "N _ _"], ...]
PARAMETERS = (
    "mu: means of the orthonormal coordinates x of the sums of the matrices, S their covariances; T: variances and "
    "covariances of row sums (r) of the matrix below and column sums (c) of the matrix above, over the units of a "
    "layer; E: variances of what remains of each matrix. Layers of units are counted from the inputs, 0."
)


def analyze_networks(paths: Sequence[Path], names: Sequence[str], json_file: Path | None, out: Path | None) -> str:
    """Fit the law of a chain to consecutive layers; write what is asked for and return a summary for people.

    Args:
        paths: one file for each layer, or the file that holds the arrays named.
        names: of the arrays, from the input on; none where each file holds one.
        json_file: where to write the fit.
        out: where to write the fit, tables and the report.

    Raises:
        UserError: the arrays are no layers of as many networks each, no network is finite, or the results cannot be
            written.
    """
    titles, stacks = _read(paths, names)
    try:
        symmetry = chain_of(stacks)
        stacks = symmetry.read(stacks)
    except ValueError as error:
        raise UserError(f"{error}; transpose them if they are [members, inputs, outputs]") from error
    finite = finite_members(stacks)
    if not finite.any():
        raise UserError("every network has a weight that is not finite; nothing is left to fit")
    found = study_layers(stacks, symmetry)
    summary = _summary(found, symmetry, titles)
    if json_file is not None:
        atomic.write_json(json_file, layers_entry(found, titles))
    if out is None:
        return summary
    digest = hashlib.sha256(b"".join(stack.tobytes() for stack in stacks)).hexdigest()
    config = {"matrices": [path.name for path in paths], "chain": titles, "digest": digest, "symmetry": Chain.name}
    with RunFolder.open(out, config) as folder:
        folder.write_results(given_networks(symmetry, titles, _observed(stacks, finite, symmetry), finite))
        return f"{summary}\n{_write(folder, found, symmetry, config)}"


def _read(paths: Sequence[Path], names: Sequence[str]) -> tuple[list[str], Stacks]:
    if names and len(paths) > 1:
        raise UserError(f"--chain names {len(names)} arrays, but {len(paths)} files are given: give one, or no names")
    wanted = [(paths[0], name) for name in names] or [(path, None) for path in paths]
    if len(wanted) < 2:
        raise UserError("a chain of one layer: name at least two arrays after --chain, or give at least two files")
    titles = [name or path.stem for path, name in wanted]
    if len(set(titles)) < len(titles):
        raise UserError(f"two layers have the same name ({', '.join(titles)}): give different ones")
    return titles, tuple(read_stack(path, name) for path, name in wanted)


def _observed(stacks: Stacks, finite: Bool[np.ndarray, "N"], symmetry: Chain) -> dict[str, Any]:
    """What a run records of its networks, of those that are finite; NaN of the others."""
    kept = chosen_members(stacks, finite)
    values = {
        "chain_factors": symmetry.evaluate(symmetry.recorded, kept),
        "chain_moments": np.asarray(symmetry.block_moments(kept)),
    }
    observed: dict[str, Any] = {"unit_sums": []}
    for name, own in values.items():
        observed[name] = np.full((len(finite), 1, own.shape[1]), np.nan)
        observed[name][finite, 0] = own
    return observed


def _write(folder: RunFolder, found: Layers, symmetry: Chain, config: Mapping[str, Any]) -> Path:
    part = layers_part(of_one_epoch(found, symmetry), config["chain"])
    folder.write_json("fit.json", [layers_entry(found, config["chain"])])
    figures = write_part(folder, part)
    sizes = "-".join(map(str, symmetry.sizes))
    lead = (Verdicts(verdicts_of([part.section])), Paragraph(_opening(found, symmetry)))
    rows = list(zip(symmetry.parameter_names, found.fit.model.parameters.tolist(), strict=True))
    law = Section("The fitted law", [Paragraph(PARAMETERS), Grid(("parameter", "value"), rows)])
    files, names = config["matrices"], config["chain"] if len(config["matrices"]) == 1 else ()
    command = shlex.join(("pigmm", "analyze", *files, "--chain", *names, "--out", "DIR"))
    origin = provenance_of(config)
    return folder.write_text(
        REPORT, page.document(Document(f"Networks {sizes}", lead, (part.section, law, origin), command), figures)
    )


def _opening(found: Layers, symmetry: Chain) -> str:
    layers = sized(symmetry.sizes)
    excluded = f", {len(found.fit.excluded)} of them excluded as not finite" if found.fit.excluded else ""
    count = (found.fit.members or 0) + len(found.fit.excluded)
    return f"{count} networks of {layers} units{excluded}. Status of the fit: {found.fit.status}."


def _summary(found: Layers, symmetry: Chain, titles: Sequence[str]) -> str:
    one, tested = found.independent, int(np.sum(np.isfinite(found.cumulants.q)))
    p = f"p = {one.p:.3g}, likelihood ratio {one.bartlett:.4g} on {one.dof} degrees of freedom"
    lines = [
        f"networks    {found.fit.members} of {' x '.join(map(str, symmetry.sizes))} units, "
        f"{len(found.fit.excluded)} excluded",
        f"symmetry    chain of {', '.join(titles)}, {len(symmetry.parameter_names)} parameters",
        f"status      {found.fit.status}",
        f"independent {p if np.isfinite(one.p) else one.status}",
    ]
    for k, title in enumerate(hidden_titles(titles)):
        rho = found.correlation
        interval = f"{rho.rho[k]:.3g} ({rho.low[k]:.3g} to {rho.high[k]:.3g})" if np.isfinite(rho.rho[k]) else "–"
        moved = found.randomisation
        p = f"{_short(moved.relabelled_sums[k])} for sums, {_short(moved.relabelled_squares[k])} for squares"
        lines.append(f"{title}: rho of sums {interval}, p by relabelling {p}")
    count = int(np.sum(found.cumulants.q < LEVEL))
    lines.append(f"cumulants   {count} of {tested} across layers differ from 0" if tested else found.cumulants.status)
    return "\n".join(lines)


def _short(value: float | np.ndarray) -> str:
    return f"{float(value):.2g}" if np.isfinite(value) else "–"
