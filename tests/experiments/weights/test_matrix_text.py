"""Tables of numbers are read however spreadsheets, pandas, R and NumPy write them; other texts are refused."""

import os
from pathlib import Path

import numpy as np
import pytest

from experiments.weights.matrix_text import COMMENTS
from experiments.weights.opening import open_weights, read_array
from tests.harmless import assert_refused

MATRIX = np.array([[1, 0.5], [0.5, 1]])
TEXTS = {
    "numbers": "1,0.5\n0.5,1\n",
    "semicolons": "1;0.5\n0.5;1\n",
    "tabs": "1\t0.5\n0.5\t1\n",
    "blanks": "  1  0.5\n 5e-1 1\n",
    "names above": "a,b\n1,0.5\n0.5,1\n",
    "names above and left": ",a,b\nx,1,0.5\ny,0.5,1\n",
    "a title in the corner": "name,a,b\nx,1,0.5\ny,0.5,1\n",
    "names left": "x,1,0.5\ny,0.5,1\n",
    "pandas without names": ",0,1\n0,1.0,0.5\n1,0.5,1.0\n",
    "R": '"a" "b"\n"x" 1 0.5\n"y" 0.5 1\n',
    "R with commas": '"","a","b"\n"1",1,0.5\n"2",0.5,1\n',
    "a comment": "# correlations\n1 0.5\n0.5 1\n",
    "a comment and names": "# correlations\n\na,b\n1,0.5\n0.5,1\n",
    "Windows": "\ufeffa,b\r\n1,0.5\r\n0.5,1\r\n",
    "no end": "1,0.5\n0.5,1",
}


@pytest.mark.parametrize("text", TEXTS)
def test_a_matrix_of_text(text, tmp_path):
    (tmp_path / "m").write_bytes(TEXTS[text].encode())
    ((tensor,),) = (weights.tensors for weights in open_weights(tmp_path / "m"))
    assert (tensor.name, tensor.shape) == ("array", (2, 2))
    np.testing.assert_array_equal(tensor.read(), MATRIX, strict=True)


def test_what_numpy_wrote(tmp_path):
    matrix = np.random.default_rng(0).normal(size=(5, 7))
    np.savetxt(tmp_path / "m", matrix, header="two\nlines")
    np.testing.assert_array_equal(read_array(tmp_path / "m"), matrix)


def test_missing_numbers_are_nan(tmp_path):
    (tmp_path / "m").write_text("a,b\n1,nan\n0.5,1\n")
    np.testing.assert_array_equal(read_array(tmp_path / "m"), [[1, np.nan], [0.5, 1]])


WRONG = {
    "words": "not an array",
    "lines of words": "some\nwords\nmore words\n",
    "only names": "a,b,c\n",
    "an empty cell": "1,2\n3,\n",
    "a word in the first line of numbers": "a,b\n1,x\n",
    "a word later": "1,2\n3,4\n5,x\n",
    "a longer line": "1,2\n3,4,5\n",
    "a shorter line": "a,b\nx,1,2\ny,3\n",
    "commas for points": "0,5;1,5\n2,5;3,5\n",
    "only comments": "# a\n# b\n",
    "many lines without numbers": "\n" * COMMENTS + "1,2\n3,4\n",
    "JSON": '{"a": [1, 2]}',
    "deep JSON": "[" * 100_000,
}


@pytest.mark.parametrize("text", WRONG)
def test_other_texts_are_refused(text, tmp_path):
    (tmp_path / "m").write_text(WRONG[text])
    assert_refused(tmp_path / "m", "not a readable table")


def test_a_line_without_end_is_refused(tmp_path):
    path: Path = tmp_path / "m"
    with path.open("wb") as file:
        file.write(b"1," * 4096)
        file.write(b"1," * 2**23)
    assert_refused(path, "a line of more than")
    os.unlink(path)
