"""`pigmm formulas`: what is printed, and what is refused."""

import json

import pytest

from experiments.__main__ import BAD_INPUT, main
from invariants import CUBIC_AND_QUARTIC, latex, name


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["formulas", *arguments]) == 0
    return capsys.readouterr().out


def test_all_of_the_paper(capsys):
    lines = told(capsys, "--latex").splitlines()
    assert len(lines) == 39
    for line, graph in zip(lines, CUBIC_AND_QUARTIC, strict=True):
        assert line.startswith(rf"\left\langle {latex(graph)} \right\rangle = ")
        assert all(line.count(a) == line.count(b) for a, b in (("{", "}"), (r"\left", r"\right"), ("(", ")")))
        assert "1.0" not in line, name(graph)


def test_names_and_keys(capsys):
    assert told(capsys, "I9", "0-1,1-2,2-3,3-0").splitlines()[:3] == [
        "E I9 (0-1,1-2)",
        "  D*(f1**2 + f3 + f7*(D - 1))",
        "E 0-1,1-2,2-3,3-0",
    ]
    assert told(capsys, "0-0,1-0", "--symmetry", "separate").splitlines() == [
        "E 0-0,1-0",
        "  m*(m*mean**2*n + v0 + vC*(n - 1))",
    ]


def test_as_json(capsys):
    found = json.loads(told(capsys, "I1", "--json"))
    assert found["sizes"] == ["D"]
    assert found["parameters"][-1] == "f13"
    (entry,) = found["formulas"].values()
    assert entry == {
        "graph": "0-0",
        "invariant": r"\sum M_{ii}",
        "formula": "f1 + f2*sqrt(D - 1)",
        "latex": r"f_{1} + \sqrt{D - 1} f_{2}",
    }


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["I99"], "give I1 to I52, or edges such as 0-0,0-1"),
        (["0-0-1"], "not understood"),
        ([""], "has 0 edges: give 1 to 6"),
        ([",".join(["0-0"] * 7)], "has 7 edges: give 1 to 6"),
        (["I14", "--symmetry", "separate"], "is not bipartite"),
    ],
)
def test_a_mistake_is_told_in_one_line(capsys, arguments, hint):
    assert main(["formulas", *arguments]) == BAD_INPUT
    message = capsys.readouterr().err
    assert hint in message
    assert len(message.splitlines()) == 1
