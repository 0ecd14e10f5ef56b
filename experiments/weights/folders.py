"""What a folder holds: one model, by its index or its name, or many files and checkpoints, each a model."""

import re
from collections.abc import Iterator
from pathlib import Path

from analysis.weights.tensors import Weights
from experiments.errors import UserError
from experiments.weights.formats import KNOWN, format_of, open_file
from experiments.weights.links import refuse_outside
from experiments.weights.shards import INDEX

DEEPEST = 3  # folders within folders
PUBLISHED = ("model.safetensors", "pytorch_model.bin", "flax_model.msgpack")
"""What Hugging Face calls the one model of a folder, which may be there in several formats, beside its config.json."""


def open_folder(folder: Path, depth: int = 0) -> tuple[Weights, ...]:
    """The models in a folder.

    Raises:
        UserError: there are none, or one is damaged, or a link leads out of the folder.
    """
    one = _whole(folder)
    if one is not None:
        refuse_outside(folder, one)
        return (open_file(one)._replace(title=folder.resolve().name),)
    found = tuple(weights for path in _entries(folder) for weights in _open_entry(folder, path, depth))
    if not found and depth == 0:
        raise UserError(f"{folder} is a folder without weights; give a folder with files of weights ({KNOWN}), or one")
    return found


def _whole(folder: Path) -> Path | None:
    """The file that stands for all of the folder."""
    indices = sorted(folder.glob(f"*.safetensors{INDEX}")) or sorted(folder.glob(f"*{INDEX}"))
    if indices:
        return indices[0]
    if (folder / "config.json").is_file():
        return next((folder / name for name in PUBLISHED if (folder / name).is_file()), None)
    return None


def _entries(folder: Path) -> Iterator[Path]:
    """What lies in a folder, 2 before 10, without hidden things."""
    yield from sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=_natural)


def _natural(path: Path) -> list[tuple[int, str]]:
    """To sort by: the numbers in a name as numbers."""
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if k % 2 else (-1, part) for k, part in enumerate(parts)]


def _open_entry(folder: Path, path: Path, depth: int) -> tuple[Weights, ...]:
    refuse_outside(folder, path)
    if path.is_dir():
        return open_folder(path, depth + 1) if depth < DEEPEST else ()
    if not path.is_file() or format_of(path) is None:
        return ()
    return (open_file(path),)
