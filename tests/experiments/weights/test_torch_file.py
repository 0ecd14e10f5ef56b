"""Dictionaries of tensors come out of torch.save's files as PyTorch put them in, and nothing in a file is executed.

The files in tests/golden/torch were written by PyTorch 2.13 with:

    base = torch.arange(20.0).reshape(4, 5)
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 2, bias=False))
    net.load_state_dict({"0.weight": base[:2, :3], "0.bias": base[3, :2], "1.weight": base[:2, :2].t()})
    own = torch.nn.Parameter(base[:, 2])
    views = OrderedDict(rows=base[1:3], turned=base.t(), own=own, one=base[3, 4], none=base[:0])
    kinds = "bool int64 uint16 float16 float32 bfloat16 float8_e4m3fn float8_e5m2"
    torch.save(net.state_dict(), "state.pt")
    torch.save({kind: base[0].to(getattr(torch, kind)) for kind in kinds.split()}, "kinds.pt")
    torch.save({"epoch": 3, "model_state_dict": views, "moments": {"a": base}, "loss": [0.5, None]}, "checkpoint.pt")
    torch.save(net, "whole.pt")
    torch.save(net.state_dict(), "legacy.pt", _use_new_zipfile_serialization=False)
"""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from experiments.weights import torch_pickle
from experiments.weights.kinds import kind
from experiments.weights.opening import open_weights
from tests.harmless import assert_harmless, assert_refused, read_all

GOLDEN = Path(__file__).parents[2] / "golden" / "torch"
BASE = np.arange(20, dtype=np.float32).reshape(4, 5)


def arrays(path: Path) -> dict[str, np.ndarray]:
    (weights,) = open_weights(path)
    assert weights.orientation == "out_in"
    for tensor in weights.tensors:
        assert tensor.read().shape == tensor.shape
        assert tensor.read().dtype.name == tensor.dtype
    return {tensor.name: tensor.read() for tensor in weights.tensors}


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


def test_a_state_dictionary():
    expected = {"0.weight": BASE[:2, :3], "0.bias": BASE[3, :2], "1.weight": BASE[:2, :2].T}
    assert_same(arrays(GOLDEN / "state.pt"), expected)


def test_the_weights_in_a_checkpoint_with_views_of_one_storage():
    found = arrays(GOLDEN / "checkpoint.pt")
    assert_same(found, {"rows": BASE[1:3], "turned": BASE.T, "own": BASE[:, 2], "one": BASE[3, 4], "none": BASE[:0]})


def test_kinds_of_numbers():
    found = arrays(GOLDEN / "kinds.pt")
    assert len(found) == 8
    assert_same(found, {name: BASE[0].astype(kind(name)) for name in found})


def test_a_whole_module_and_the_old_format_are_refused_with_what_to_do():
    assert_refused(GOLDEN / "whole.pt", r"'torch.nn.modules.container.Sequential'.*model.state_dict\(\)")
    assert_refused(GOLDEN / "legacy.pt", "before 1.6.*weights_only=True")


def saved(path: Path, program: bytes, storages: dict[str, bytes] | None = None) -> Path:
    """An archive such as torch.save writes."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/data.pkl", program)
        archive.writestr("m/byteorder", b"little")
        for key, content in ({"0": bytes(24)} if storages is None else storages).items():
            archive.writestr(f"m/data/{key}", content)
    return path


def number(value: int) -> bytes:
    """The instruction that puts a number on the stack."""
    width = max(1, (value.bit_length() + 8) // 8)
    return b"\x8a" + bytes([width]) + value.to_bytes(width, "little", signed=True)


def text(value: str) -> bytes:
    return b"X" + len(value).to_bytes(4, "little") + value.encode()


def tuple_of(*values: bytes) -> bytes:
    return b"(" + b"".join(values) + b"t"


def tensor(shape=(2, 3), strides=(3, 1), offset=0, count=6, key="0", kind_of="Float") -> bytes:
    """The program that makes one tensor."""
    storage = tuple_of(text("storage"), f"ctorch\n{kind_of}Storage\n".encode(), text(key), text("cpu"), number(count))
    shapes = [tuple_of(*map(number, sizes)) for sizes in (shape, strides)]
    arguments = tuple_of(storage + b"Q", number(offset), *shapes, b"\x89", b"}")
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"R"


def dictionary(*items: bytes) -> bytes:
    """The program of a dictionary of alternating keys and values."""
    return b"\x80\x02}(" + b"".join(items) + b"u."


def test_the_programs_of_these_tests_are_what_torch_writes(tmp_path):
    content = np.arange(6, dtype=np.float32)
    path = saved(tmp_path / "m.pt", dictionary(text("a"), tensor()), {"0": content.tobytes()})
    assert_same(arrays(path), {"a": content.reshape(2, 3)})


@pytest.mark.parametrize("protocol", range(2, 6))
def test_other_protocols_of_pickle_are_read_or_refused(protocol, tmp_path):
    """Protocol 4 brought instructions that torch.save does not use unless it is told to."""
    path = saved(tmp_path / "m.pt", b"\x80" + bytes([protocol]) + dictionary(text("a"), tensor()))
    if protocol > 3:
        assert_refused(path, f"written with pickle_protocol={protocol}, where torch.save by itself takes 2")
    else:
        assert list(arrays(path)) == ["a"]


def test_torchscript_is_refused(tmp_path):
    """A program, whose data are objects of its own classes."""
    module = b"\x80\x02c__torch__.torch.nn.modules.linear\nLinear\n)\x81}b."
    assert_refused(saved(tmp_path / "m.pt", module), "'__torch__.torch.nn.modules.linear.Linear', which is no tensor")


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_by_itself_is_refused(protocol, tmp_path):
    """Those of protocol 0 and 1 begin in no way of their own, and are taken for a text, or for nothing known."""
    (tmp_path / "m.pt").write_bytes(pickle.dumps({"a": [1.0, 2.0]}, protocol))
    assert_refused(tmp_path / "m.pt", "is a pickle, which could execute anything" if protocol > 1 else "not a readable")


def test_big_endian_numbers_are_refused(tmp_path):
    path = tmp_path / "m.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/data.pkl", dictionary(text("a"), tensor()))
        archive.writestr("m/byteorder", b"big")
        archive.writestr("m/data/0", bytes(24))
    assert_refused(path, "little-endian")


CALLS = {
    "GLOBAL": b"cos\nsystem\n{command}\x85R.",
    "builtins": b"cbuiltins\neval\n{command}\x85R.",
    "torch": b"ctorch\nload\n{command}\x85R.",
    "state": b"ctorch._utils\n_rebuild_tensor_v2\n{command}\x85R.",
    "STACK_GLOBAL": b"\x8c\x02os\x8c\x06system\x93{command}\x85R.",
    "INST": b"({command}ios\nsystem\n.",
    "OBJ": b"(cos\nsystem\n{command}o.",
    "NEWOBJ": b"cos\nsystem\n{command}\x85\x81.",
    "NEWOBJ_EX": b"cos\nsystem\n{command}\x85}\x92.",
    "EXT1": b"\x82\x01.",
    "EXT2": b"\x83\x01\x00.",
    "EXT4": b"\x84\x01\x00\x00\x00.",
    "BUILD": b"cos\nsystem\n}{command}u}b.",
    "PERSID": b"Pos.system\n.",
    "BINPERSID": b"{command}Q.",
    "in a dictionary": dictionary(text("a"), b"cposix\nsystem\n{command}\x85R"),
}


@pytest.mark.parametrize("call", CALLS)
def test_nothing_is_executed(call, tmp_path, monkeypatch):
    """Each program, given to Python's own unpickler, would make a file, or fail."""
    monkeypatch.chdir(tmp_path)
    command = text(f"touch {tmp_path / 'executed'}")
    assert_refused(saved(tmp_path / "m.pt", CALLS[call].replace(b"{command}", command)), "PyTorch file")
    assert not (tmp_path / "executed").exists()


PROGRAMS = {
    "nothing": (b"", "exhausted"),
    "no end": (dictionary(text("a"), tensor())[:-1], "exhausted"),
    "cut": (dictionary(text("a"), tensor())[:60], "PyTorch file"),
    "a text longer than the file": (b"X\xff\xff\xff\x7fabc.", "expected"),
    "2^63 bytes": (b"\x8d" + (2**63).to_bytes(8, "little") + b".", "sys.maxsize"),
    "an empty stack": (b"R.", "step 0"),
    "an unknown place of the memory": (b"h\x07.", "step 0"),
    "no mark": (b"}u.", "step 1"),
    "half an item": (b"}(X\x01\x00\x00\x00au.", "damaged"),
    "a key twice": (dictionary(text("a"), tensor(), text("a"), tensor()), "'a' twice"),
    "a dictionary in itself": (b"}q\x00X\x01\x00\x00\x00ah\x00s.", "no tensors"),
    "deep tuples for a key": (b"}" + b")" + b"\x85" * 1000 + b"Ns.", "damaged"),
    "deep dictionaries": ((b"}" + text("a")) * 1200 + tensor() + b"s" * 1200 + b".", "recursion"),
    "doubled entries": (b"]2.", "instruction DUP"),
    "doubled tuples": (b")" + b"q\x00h\x00\x86" * 60 + b".", "no tensors"),
    "a long name": (dictionary(text("a" * 501), tensor()), "letters"),
    "only a number": (b"K\x07.", "no tensors"),
    "two results": (b"K\x07K\x07.", "cut short"),
    "a text for a shape": (tensor().replace(tuple_of(number(2), number(3)), text("b")) + b".", "damaged"),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_that_lie_are_refused(program, tmp_path):
    content, reason = PROGRAMS[program]
    assert_refused(saved(tmp_path / "m.pt", content), reason)


def test_programs_that_are_too_long_are_refused(tmp_path, monkeypatch):
    path = saved(tmp_path / "m.pt", b"]" * 1000 + b".")
    monkeypatch.setattr(torch_pickle, "STEPS", 1000)
    assert_refused(path, "more than 1000 steps")
    monkeypatch.setattr(torch_pickle, "LARGEST", 1000)
    assert_refused(path, "more than 1000 bytes")


TENSORS = {
    "more entries than the storage": {"shape": (2, 4), "strides": (4, 1)},
    "an offset beyond": {"offset": 1},
    "strides beyond": {"strides": (4, 1)},
    "negative strides": {"strides": (-3, 1)},
    "a negative offset": {"offset": -1},
    "negative sizes": {"shape": (-2, -3)},
    "more strides than sizes": {"strides": (3, 1, 1)},
    "one entry many times": {"shape": (2**20, 2**20), "strides": (0, 0)},
    "sizes whose product overflows": {"shape": (2**32, 2**32, 4), "strides": (0, 0, 1)},
    "100 axes": {"shape": (1,) * 100, "strides": (1,) * 100},
    "a storage that claims more": {"count": 7},
    "no storage": {"key": "1"},
    "a storage elsewhere": {"key": "../data.pkl"},
}


@pytest.mark.parametrize("claim", TENSORS)
def test_tensors_that_lie_are_refused(claim, tmp_path):
    assert_refused(saved(tmp_path / "m.pt", dictionary(text("a"), tensor(**TENSORS[claim]))), "'a'|damaged")


def test_a_dictionary_that_many_hold_is_entered_once(tmp_path):
    """Each of 30 dictionaries holds the next one twice: 2^30 ways to the tensor."""
    program = b"}" + text("t") + tensor() + b"s"
    for level in range(30):
        place = bytes([level])
        program = b"}" + text("a") + program + b"q" + place + b"s" + text("b") + b"h" + place + b"s"
    path = saved(tmp_path / "m.pt", program + b".")
    assert_harmless(lambda: read_all(path))
    assert list(arrays(path)) == ["a." * 30 + "t"]


def test_compressed_numbers_are_refused(tmp_path):
    path = tmp_path / "m.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/data.pkl", dictionary(text("a"), tensor(count=2**26, shape=(2**26,), strides=(1,))))
        archive.writestr("m/data/0", bytes(2**28))
    assert_refused(path, "as they are")
