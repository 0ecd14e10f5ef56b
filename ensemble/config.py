"""Every setting of an ensemble's training, declared once."""

from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal, get_args

Init = Literal["gaussian", "uniform", "he", "glorot", "orthogonal"]
Order = Literal["independent", "shared"]
Orders = Literal["auto", "host", "device"]


@dataclass(frozen=True)
class TrainConfig:
    """Settings of the training of one ensemble; the defaults are the paper's (arXiv:2510.05218, section 3).

    Attributes:
        members: number of independently trained networks.
        epochs: passes over the training set; recordings are made before the first and after every one.
        hidden: widths of the hidden layers.
        biases: whether layers have biases (initialised to zero).
        init: law of the initial kernels, see `ensemble.laws`.
        learning_rate: step size of Adam.
        beta1: decay of Adam's first moment.
        beta2: decay of Adam's second moment.
        eps: Adam's guard against division by zero, added after the square root and the bias correction.
        weight_decay: L2 penalty on kernels and biases, coupled to the gradient before the moments (as PyTorch's Adam,
            unlike AdamW).
        batch_size: images a step; a last incomplete batch of an epoch is dropped.
        order: "independent": every member shuffles for itself; "shared": one shuffle for all, the ensemble is
            then conditional on one order.
        orders: where shuffles are drawn, each source other ones: "host" (NumPy), "device" (JAX, the same on every
            platform), or "auto", host on a CPU and device on an accelerator, whichever is fast there.
        seed: root of all randomness.
        chunk: members trained at once over all devices; None chooses by backend and width. Never changes the science.

    Raises:
        ValueError: a setting is out of its range; the message names it.
    """

    members: int = 1000
    epochs: int = 50
    hidden: tuple[int, ...] = (10, 10, 10)
    biases: bool = False
    init: Init = "gaussian"
    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0
    batch_size: int = 100
    order: Order = "independent"
    orders: Orders = "auto"
    seed: int = 0
    chunk: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        for name in ("members", "epochs", "batch_size", "seed", *(["chunk"] if self.chunk is not None else [])):
            _require(self, name, _whole(getattr(self, name)), "a whole number")
        _require(self, "hidden", all(map(_whole, self.hidden)), "whole numbers")
        for name in ("members", "batch_size"):
            _require(self, name, getattr(self, name) >= 1, "at least 1")
        _require(self, "epochs", self.epochs >= 0, "at least 0")
        _require(self, "chunk", self.chunk is None or self.chunk >= 1, "at least 1, or auto")
        _require(self, "hidden", len(self.hidden) >= 1 and min(self.hidden) >= 1, "one or more positive widths")
        _require(self, "init", self.init in get_args(Init), "one of " + ", ".join(get_args(Init)))
        _require(self, "order", self.order in get_args(Order), "one of " + ", ".join(get_args(Order)))
        _require(self, "orders", self.orders in get_args(Orders), "one of " + ", ".join(get_args(Orders)))
        _require(self, "learning_rate", self.learning_rate > 0, "positive")
        _require(self, "weight_decay", self.weight_decay >= 0, "zero or positive")
        _require(self, "eps", self.eps > 0, "positive")
        for name in ("beta1", "beta2"):
            _require(self, name, 0 <= getattr(self, name) < 1, "in [0, 1)")
        _require(self, "seed", 0 <= self.seed < 2**32, "in [0, 2^32)")


def _whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _require(config: TrainConfig, name: str, holds: bool, expected: str) -> None:
    if not holds:
        raise ValueError(f"{name} is {getattr(config, name)!r}; it must be {expected}")
