"""What a path holds is told by its content; mistakes of users, and what each is told."""

import gzip
import os
from pathlib import Path

import flax.serialization
import numpy as np
import pytest
import safetensors.numpy

from experiments.errors import UserError
from experiments.weights.opening import open_weights, read_array
from tests.harmless import assert_refused

ARRAY = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_no_format_is_told_by_the_name(tmp_path):
    path = tmp_path / "model.pt"
    contents = [
        safetensors.numpy.save({"array": ARRAY}),
        flax.serialization.to_bytes({"array": ARRAY}),
        b"0,1,2\n3,4,5\n",
    ]
    for content in contents:
        path.write_bytes(content)
        np.testing.assert_array_equal(read_array(path), ARRAY)


CONTENTS = {
    "nothing": (b"", "not a readable file of weights, which are one of .npy"),
    "zeros": (bytes(100), "not a readable file of weights"),
    "other bytes": (bytes(range(128, 256)), "not a readable file of weights"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(20), "not a readable file of weights"),
    "a pickle": (b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00K\x01.", "is a pickle, which could execute anything"),
    "compressed": (gzip.compress(b"1,2\n3,4\n"), "unpack it first"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", "git lfs pull"),
    "a page": (b"<!DOCTYPE html><html>Not found</html>", "is a web page, perhaps what a server answered"),
}


@pytest.mark.parametrize("content", CONTENTS)
def test_other_files_are_refused(content, tmp_path):
    (tmp_path / "m").write_bytes(CONTENTS[content][0])
    assert_refused(tmp_path / "m", CONTENTS[content][1])


def test_what_is_not_there_or_no_file_is_refused(tmp_path):
    assert_refused(tmp_path / "m", "does not exist; give a file")
    os.mkfifo(tmp_path / "pipe")
    assert_refused(tmp_path / "pipe", "is no file; give a file")
    assert_refused(Path("/dev/zero"), "is no file; give a file")


def test_a_file_that_is_cut_after_it_was_opened_is_refused(tmp_path):
    np.save(tmp_path / "m.npy", ARRAY)
    ((tensor,),) = (weights.tensors for weights in open_weights(tmp_path / "m.npy"))
    (tmp_path / "m.npy").write_bytes(b"")
    with pytest.raises(UserError, match=r"not a readable \.npy file"):
        tensor.read()


def test_one_array_of_several_is_chosen_by_name(tmp_path):
    np.savez(tmp_path / "m.npz", a=ARRAY, b=ARRAY + 1)
    np.testing.assert_array_equal(read_array(tmp_path / "m.npz", "b"), ARRAY + 1)
    with pytest.raises(UserError, match="holds the arrays a, b; choose one with --key NAME"):
        read_array(tmp_path / "m.npz")
    with pytest.raises(UserError, match="holds no array 'c' but a, b"):
        read_array(tmp_path / "m.npz", "c")
    np.save(tmp_path / "n.npy", ARRAY)
    with pytest.raises(UserError, match="is a folder of 2 models; give a file"):
        read_array(tmp_path)
