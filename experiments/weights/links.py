"""What a file names beside itself must lie in its own folder, where no link may lead out of it."""

from pathlib import Path

from experiments.errors import UserError


def beside(folder: Path, name: object) -> Path:
    """The file of that name in a folder.

    Raises:
        ValueError: the name leads elsewhere, or no file is called so.
        UserError: it is a link that leads elsewhere.
    """
    if not isinstance(name, str) or not name or name in (".", "..") or set(name) & set("/\\\0"):
        raise ValueError(f"{str(name)[:80]!r} is not the name of a file beside it")
    path = folder / name
    if not path.is_file():
        raise ValueError(f"the file {name[:80]!r} is not there")
    refuse_outside(folder, path)
    return path


def refuse_outside(folder: Path, path: Path) -> None:
    """Raise a `UserError` if a link leads from a folder to somewhere else."""
    if not path.resolve().is_relative_to(_root(folder.resolve())):
        raise UserError(f"{path} is a link out of its folder; put the file itself there")


def _root(folder: Path) -> Path:
    """The folder itself, or the model around it in the cache of Hugging Face: its snapshots link to its blobs."""
    model = folder.parent.parent
    return model if folder.parent.name == "snapshots" and (model / "blobs").is_dir() else folder
