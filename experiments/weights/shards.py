"""A model in several files, with an index that says which array is in which."""

from collections.abc import Callable
from pathlib import Path

from analysis.weights.tensors import Weights
from experiments.weights.json_files import LARGEST, read_object
from experiments.weights.links import beside
from experiments.weights.regions import refuse_repeated

SUFFIX = ".index.json"


def open_shards(index: Path, open_file: Callable[[Path], Weights]) -> Weights:
    """The arrays of all files that an index such as model.safetensors.index.json names.

    Raises:
        ValueError: the index is damaged, or names files or arrays that are not there, or files elsewhere; or two files
            have an array of the same name.
    """
    if index.stat().st_size > LARGEST:
        raise ValueError(f"it has more than {LARGEST} bytes")
    places = read_object(index.read_bytes()).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise ValueError("it has no weight_map, which says in which file each array is")
    paths = [beside(index.parent, name) for name in dict.fromkeys(places.values())]
    shards = {path.name: open_file(path) for path in paths}
    held = {name: {tensor.name for tensor in shard.tensors} for name, shard in shards.items()}
    for tensor, shard in places.items():
        if tensor not in held[shard]:
            raise ValueError(f"{shard!r} does not hold {tensor[:80]!r}")
    tensors = tuple(tensor for shard in shards.values() for tensor in shard.tensors)
    refuse_repeated(tensor.name for tensor in tensors)
    return Weights(index.parent.resolve().name, tensors, next(iter(shards.values())).orientation)
