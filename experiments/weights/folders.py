"""What a folder holds: one model, by its index or its name, or many files and checkpoints, each a model."""

import re
from pathlib import Path

from analysis.weights.tensors import Weights
from experiments.errors import UserError
from experiments.weights.formats import KNOWN, TEXT, format_of, open_file
from experiments.weights.guards import opened
from experiments.weights.links import refuse_outside
from experiments.weights.matrix_text import is_matrix
from experiments.weights.orbax_folder import is_orbax, open_orbax
from experiments.weights.runs import is_run, open_run
from experiments.weights.shards import SUFFIX

DEEPEST = 3  # folders within folders
PUBLISHED = ("model.safetensors", "pytorch_model.bin", "flax_model.msgpack")
"""What Hugging Face calls the one model of a folder, which may be there in several formats, beside its config.json."""


def open_folder(folder: Path, depth: int = 0) -> tuple[Weights, ...]:
    """The models in a folder.

    Raises:
        UserError: there are none, or one is damaged, or a link leads out of the folder.
    """
    if is_run(folder):
        return open_run(folder)
    if is_orbax(folder):
        return (opened(folder, "checkpoint", "save it anew with orbax", open_orbax),)
    one = _whole(folder)
    if one is not None:
        refuse_outside(folder, one)
        return (open_file(one)._replace(title=folder.resolve().name),)
    found = _every(folder, depth)
    if not found and depth == 0:
        raise UserError(f"{folder} is a folder without weights; give a folder with files of weights ({KNOWN}), or one")
    return found


def _whole(folder: Path) -> Path | None:
    """The file that stands for all of the folder."""
    indices = sorted(folder.glob(f"*.safetensors{SUFFIX}")) or sorted(folder.glob(f"*{SUFFIX}"))
    if indices:
        return indices[0]
    if (folder / "config.json").is_file():
        return next((folder / name for name in PUBLISHED if (folder / name).is_file()), None)
    return None


def _every(folder: Path, depth: int) -> tuple[Weights, ...]:
    """The models in all files and folders of a folder, 2 before 10; a table counts only where nothing else is."""
    found: list[Weights] = []
    tables: list[Path] = []
    for path in sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=_natural):
        refuse_outside(folder, path)
        if path.is_dir() and depth < DEEPEST:
            found += [_within(path, weights) for weights in open_folder(path, depth + 1)]
        elif path.is_file():
            known = format_of(path)
            if known is TEXT:
                tables.append(path)
            elif known is not None:
                found.append(open_file(path))
    return tuple(found or [open_file(path) for path in tables if is_matrix(path)])


def _within(folder: Path, weights: Weights) -> Weights:
    """A model of a folder within, whose title says so."""
    title = weights.title if weights.title == folder.name else f"{folder.name}/{weights.title}"
    return weights._replace(title=title)


def _natural(path: Path) -> list[tuple[int, str]]:
    """To sort by: the numbers in a name as numbers."""
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if k % 2 else (-1, part) for k, part in enumerate(parts)]
