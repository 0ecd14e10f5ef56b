"""Files that people give for weights, and what they should do instead."""

from pathlib import Path
from typing import NoReturn

from experiments.errors import UserError

REFUSED = (
    (
        b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19",
        "is in the format of torch.save before 1.6, which only unpickling opens; save it anew: "
        "torch.save(torch.load(PATH, weights_only=True), PATH)",
    ),
    *(
        (bytes([0x80, protocol]), "is a pickle, which could execute anything; save the arrays with numpy.savez")
        for protocol in range(2, 6)
    ),
    (b"version https://git-lfs", "is a pointer of Git LFS to the file itself; fetch that with: git lfs pull"),
    *(
        (start, "is a web page, perhaps what a server answered in place of the file; fetch the file itself")
        for start in (b"<!DOCTYPE html", b"<!doctype html", b"<html")
    ),
    *((magic, "is compressed; unpack it first") for magic in (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")),
)


def is_refused(head: bytes) -> bool:
    """Whether a file that begins so is one of them."""
    return any(head.startswith(start) for start, _ in REFUSED)


def refuse(path: Path) -> NoReturn:
    """Raise a `UserError` that says what to do."""
    with path.open("rb") as file:
        head = file.read(max(len(start) for start, _ in REFUSED))
    raise UserError(f"{path} {next(advice for start, advice in REFUSED if head.startswith(start))}")
