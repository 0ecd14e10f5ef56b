"""What an HDF5 file holds, with a refusal of those that refer to others; run as a program, it lists one in confinement.

Damaged files can make the HDF5 library loop for ever, or bring down its process. Those of our own runs are compared
with their SHA-256 first; files of others are listed by a process of their own, with limits on memory and time, and
their numbers are then read without HDF5.
"""

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py

MEMORY = 2**32  # bytes of addresses that the process may take
SECONDS = 60  # that it may run
MOST = 100_000  # arrays in a file


class DamagedFile(ValueError):
    """The file is not what it should be, or is truncated, damaged or hostile."""


def refuse_hostile(file: h5py.File, size: int) -> None:
    """Refuse a file that refers to others, or that would take more memory than it has bytes: ours do neither.

    Raises:
        DamagedFile: if it does.
    """
    claimed = sum(dataset.nbytes for dataset in _datasets(file).values())
    if claimed > size:
        raise DamagedFile(f"it claims to hold {claimed} bytes and has {size}")


def listed(path: Path) -> list[dict[str, Any]]:
    """The arrays of a file of unknown origin: of each its name, shape, type as NumPy writes it, and place.

    The place is the offset of its first byte in the file, or None if the array is compressed or in chunks.

    Raises:
        DamagedFile: the file refers to others, or HDF5 does not make sense of it within the limits.
    """
    # -P: nothing in the current folder, which may be where the file came from, is taken for a module.
    command = [sys.executable, "-P", "-m", "experiments.store.hdf5", str(path.resolve())]
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
        answer = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        raise DamagedFile("the HDF5 library failed on it, or ran out of memory or time") from None
    if isinstance(answer, str):
        raise DamagedFile(answer)
    return answer


def main() -> None:
    """Print the list of a file's arrays as JSON, or what is wrong with it."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    try:
        with h5py.File(sys.argv[1], "r") as file:
            print(json.dumps([_entry(name, dataset) for name, dataset in _datasets(file).items()]))
    except Exception as error:  # what HDF5 makes of damage depends on the place
        print(json.dumps(" ".join(str(error).split())))


def _datasets(file: h5py.File) -> dict[str, h5py.Dataset]:
    """All arrays in a file, which must all lie in this file."""
    links: dict[str, object] = {}
    file.visititems_links(links.__setitem__)
    if len(links) > MOST:
        raise DamagedFile(f"it holds more than {MOST} arrays")
    found = {}
    for name, link in links.items():
        if not isinstance(link, h5py.HardLink):
            raise DamagedFile(f"{name!r} is a link to something else")
        item = file[name]
        if isinstance(item, h5py.Dataset):
            if item.is_virtual or item.external:
                raise DamagedFile(f"the content of {name!r} is in another file")
            found[name] = item
    return found


def _entry(name: str, dataset: h5py.Dataset) -> dict[str, Any]:
    # Keras writes types that HDF5 lacks as opaque ones, and their name beside them.
    kind = str(dataset.attrs.get("dtype", "")) if dataset.dtype.kind == "V" else dataset.dtype.str
    place = dataset.id.get_offset() if dataset.chunks is None else None
    return {"name": name, "shape": dataset.shape, "dtype": kind, "offset": place}


if __name__ == "__main__":
    main()
