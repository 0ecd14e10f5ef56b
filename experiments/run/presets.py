"""What can be run by name: the paper's experiments, their twins, and the width study."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from ensemble.config import Init, TrainConfig

Graphs = Literal["paper", "all"]


@dataclass(frozen=True)
class RunConfig:
    """Everything that defines a run; two runs of equal `RunConfig` on equal data are the same run.

    Attributes:
        train: settings of the training.
        dataset: "sample" (the embedded one) or the name of an image classification set.
        graphs: invariants recorded in the training loop: the paper's 52, or all 361 up to degree 4.
        save_weights: whether the square weight matrices are kept at every epoch.
        start: f1..f13 of fitted models by layer, e.g. "L1"; those layers start from samples of them.

    Raises:
        ValueError: a setting is out of its range; the message names it.
    """

    train: TrainConfig = field(default_factory=TrainConfig)
    dataset: str = "mnist"
    graphs: Graphs = "paper"
    save_weights: bool = True
    start: dict[str, list[float]] | None = None

    def __post_init__(self) -> None:
        if self.graphs not in get_args(Graphs):
            raise ValueError(f"graphs is {self.graphs!r}; it must be one of {', '.join(get_args(Graphs))}")
        if not isinstance(self.start, dict | None):
            raise ValueError(f"start is {self.start!r}; it must be parameters by layer, or none")


EARLIER = {"orders": "host"}
"""Settings of the training that earlier versions did not write into config.json, and what they then were."""


def settings(config: RunConfig) -> dict[str, Any]:
    """The configuration as plain values, for config.json and for comparing runs."""
    return {**asdict(config), "train": asdict(config.train) | {"hidden": list(config.train.hidden)}}


def from_settings(plain: dict[str, Any]) -> RunConfig:
    """The configuration from its plain values: the inverse of `settings`."""
    train = TrainConfig(**(EARLIER | plain["train"] | {"hidden": tuple(plain["train"]["hidden"])}))
    return RunConfig(train, **{name: value for name, value in plain.items() if name != "train"})


@dataclass(frozen=True)
class Preset:
    """A named run with a sentence on what it is and costs."""

    config: RunConfig
    about: str


PENALTY = 0.01
"""Coupled L2 of the regularised runs (arXiv:2510.05218, section 3)."""
WIDTHS = (10, 40, 160, 640)
SAVED_UP_TO = 40
"""Largest width whose weights are kept by default: 1000 matrices of width 160 at 51 epochs would be 5 GB."""
QUICKSTART = RunConfig(TrainConfig(epochs=20), dataset="sample")


def _paper(init: Init, dataset: str, penalty: float = 0.0) -> RunConfig:
    return RunConfig(TrainConfig(init=init, weight_decay=penalty), dataset=dataset)


def width_run(width: int, init: Init = "gaussian") -> RunConfig:
    """The network of the width study with two hidden layers of this width."""
    return RunConfig(TrainConfig(hidden=(width, width), init=init), save_weights=width <= SAVED_UP_TO)


def _presets() -> dict[str, Preset]:
    inits: tuple[Init, ...] = ("gaussian", "uniform")
    presets = {"quickstart": Preset(QUICKSTART, "the paper's network on the embedded sample, 20 epochs")}
    for init in inits:
        law = init.capitalize()
        presets[f"paper-{init}"] = Preset(_paper(init, "mnist"), f"the paper's main run, {law} initialisation")
    for init in inits:
        regularised = _paper(init, "mnist", PENALTY)
        presets[f"paper-{init}-l2"] = Preset(regularised, f"its regularised twin, coupled L2 of {PENALTY}")
    for init in inits:
        presets[f"cifar10-{init}"] = Preset(_paper(init, "cifar10"), "the same network on CIFAR-10")
    for init in inits:
        for width in WIDTHS:
            about = f"the width study, 784-{width}-{width}-10, {init.capitalize()} initialisation"
            presets[f"width-{width}-{init}"] = Preset(width_run(width, init), about)
    return presets


PRESETS = _presets()
