"""The weights that a run of this program kept: a model for each epoch, of all members at once."""

from pathlib import Path

import numpy as np

from analysis.weights.tensors import Tensor, Weights
from experiments.errors import UserError
from experiments.run.recording import kept_matrices
from experiments.store.run_folder import CONFIG, RESULTS, RunFolder


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run with results."""
    return (folder / CONFIG).is_file() and (folder / RESULTS).is_file()


def open_run(folder: Path) -> tuple[Weights, ...]:
    """The square matrices [members, rows, columns] of each layer, at each epoch.

    Raises:
        UserError: the run is damaged, or has not kept its weights.
    """
    with RunFolder.existing(folder, exclusive=False) as run:
        if "matrices" in run.config:
            raise UserError(f"{folder} is an analysis: give the files that it was made of")
        results = run.read_results()
    epochs = results["epoch"].values.tolist()
    matrices = kept_matrices(results, list(range(len(epochs))))
    if matrices is None:
        raise UserError(f"{folder} has not kept its weights; run it again with --save-weights")
    layers = dict(zip(results["layer"].values.tolist(), matrices, strict=True))
    return tuple(
        Weights(f"epoch {epoch}", tuple(_tensor(name, layer[:, at]) for name, layer in layers.items()), "out_in")
        for at, epoch in enumerate(epochs)
    )


def _tensor(name: str, stack: np.ndarray) -> Tensor:
    return Tensor(name, stack.shape, stack.dtype.name, lambda: stack)
