"""Fitted models as files, and as the law that the weights of another run start from."""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

from analysis import PIGMM, Statistics
from ensemble.errors import first_line
from ensemble.order import member_keys
from ensemble.trainer import Initial, drawn
from experiments.errors import UserError
from experiments.run.observer import square_layers
from experiments.run.presets import RunConfig

SCHEMA = 1
LARGEST = 2**20  # bytes of a file of models; a real one has a few thousand


def to_json(fitted: Statistics) -> dict[str, Any]:
    """The models of the last epoch by layer: the content of models.json, which `--start-models` reads."""
    models = {
        layer: PIGMM.from_parameters(fitted.parameters[-1, i], dim=fitted.symmetries[i].shapes[0][0]).to_json()
        for i, layer in enumerate(fitted.layers)
    }
    return {"schema": SCHEMA, "epoch": int(fitted.epochs[-1]), "models": models}


def read_parameters(path: Path) -> dict[str, list[float]]:
    """f1..f13 by layer from a file written by `to_json`.

    Raises:
        UserError: the file is missing, damaged, or of a newer version.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError("it is too large")
        content = json.loads(path.read_bytes())
        if content["schema"] != SCHEMA:
            raise ValueError(f"its schema version is {content['schema']!r}, this pigmm reads version {SCHEMA}")
        return {str(layer): PIGMM.from_json(model).parameters.tolist() for layer, model in content["models"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{path} is no file of models ({first_line(error)}); give the models.json of a run folder"
        ) from error


def check_start(config: RunConfig, classes: int) -> None:
    """Refuse models for layers that the network does not have, or that cannot be sampled.

    Raises:
        UserError: a layer is unknown or its model has an indefinite block.
    """
    layers = square_layers(config.train, classes)
    for layer, f in (config.start or {}).items():
        if layer not in layers:
            known = ", ".join(layers) or "none"
            raise UserError(f"models are given for {layer}; the square layers of this network are {known}")
        dim = (*config.train.hidden, classes)[layers[layer]]
        try:
            PIGMM.from_parameters(f, dim=dim).sample(jax.random.key(0), 1)
        except ValueError as error:
            raise UserError(f"the model of {layer} cannot be started from: {error}") from error


def sampled_start(config: RunConfig, classes: int) -> Initial:
    """Initial kernels sampled from the models of the configuration; member i's depend on its own key alone."""
    if not config.start:
        return drawn
    layers, widths = square_layers(config.train, classes), (*config.train.hidden, classes)
    models = {layers[name]: PIGMM.from_parameters(f, dim=widths[layers[name]]) for name, f in config.start.items()}

    def initial(members: np.ndarray) -> dict[int, np.ndarray]:
        keys = member_keys(config.train.seed, members)
        return {
            position: np.concatenate([model.sample(jax.random.fold_in(key, position), 1) for key in keys]).astype(
                np.float32
            )
            for position, model in models.items()
        }

    return initial
