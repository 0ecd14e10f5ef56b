"""What a model's config.json says of its shape: how many heads its attention has."""

from pathlib import Path

from experiments.weights.json_files import read_object

LARGEST = 2**20  # bytes; those of language models have a few thousand
HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads")
"""What models call it."""


def heads_of(path: Path) -> int | None:
    """The number of heads by the config.json beside a file, or in a folder or its folders; None if none says."""
    folder = path if path.is_dir() else path.parent
    within = sorted(path.glob("*/config.json")) if path.is_dir() else []
    config = next((one for one in (folder / "config.json", *within) if one.is_file()), None)
    if config is None or config.stat().st_size > LARGEST:
        return None
    try:
        settings = read_object(config.read_bytes())
    except (ValueError, OSError):
        return None
    found = [settings[name] for name in HEADS if isinstance(settings.get(name), int)]
    return found[0] if found and found[0] > 0 else None
