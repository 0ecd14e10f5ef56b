"""The Gaussian model of rectangular m x n matrices with five parameters, invariant under S_m x S_n."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Key, UInt32
from numpy.typing import ArrayLike

from analysis.pigmm import PIGMM
from analysis.rectangular.likelihood import cross_entropy, entropy, kullback_leibler, wasserstein_squared_parts
from analysis.rectangular.representation import Blocks, Shape, block_moments, compose, project


@dataclass(frozen=True)
class RectangularModel:
    """A Gaussian law of m x n matrices, invariant under separate permutations of rows and of columns.

    M = mean + block coordinates, independent Gaussians with variance v0 along J, vC along differences of columns, vR
    along differences of rows and vE along the rest: the two-way random-effects model. Variances of blocks absent at
    m = 1 or n = 1 are ignored. With a zero variance `log_prob` is -inf, `entropy` -inf and `kl` +inf.

    Raises:
        ValueError: if a size is below 1, a parameter is not finite, or a variance is negative.
    """

    shape: Shape
    mean: float
    v0: float
    vC: float
    vR: float
    vE: float

    def __post_init__(self):
        if len(self.shape) != 2 or min(self.shape) < 1:
            raise ValueError(f"model of matrices of shape {self.shape}: give (rows, columns), each at least 1")
        f = self.parameters
        if not np.all(np.isfinite(f)) or np.any(f[1:] < 0):
            raise ValueError(f"parameters {f.tolist()}: give a finite mean and variances v0, vC, vR, vE >= 0")

    @classmethod
    def from_parameters(cls, parameters: ArrayLike, *, shape: Shape) -> "RectangularModel":
        """The model with parameters (mean, v0, vC, vR, vE) on matrices of the given shape.

        Raises:
            ValueError: if `parameters` is not a vector of 5 finite numbers, or a variance is negative.
        """
        f = np.asarray(parameters, dtype=np.float64)
        if f.shape != (5,):
            raise ValueError(f"parameters of shape {f.shape}: give the 5 numbers mean, v0, vC, vR, vE")
        return cls(shape, *f.tolist())

    @property
    def parameters(self) -> Float[np.ndarray, "5"]:
        """The vector (mean, v0, vC, vR, vE)."""
        return np.array([self.mean, self.v0, self.vC, self.vR, self.vE], dtype=np.float64)

    def as_pigmm(self) -> PIGMM:
        """The same law of square matrices within the model of 13 parameters.

        f1 = D mean, f3 = v0, f6 = vC, f9 = vR, f5 = f11 = f12 = f13 = vE, the others 0.

        Raises:
            ValueError: if the matrices are not square.
        """
        rows, columns = self.shape
        if rows != columns:
            raise ValueError(f"model of {rows} x {columns} matrices: only that of square ones is a PIGMM")
        trivial, standard = np.diag([self.v0, self.vE]), np.diag([self.vC, self.vR, self.vE])
        return PIGMM(rows, np.array([rows * self.mean, 0.0]), trivial, standard, self.vE, self.vE)

    def sample(
        self, key: Key[jax.Array, ""] | UInt32[jax.Array, "2"], n: int
    ) -> Float[np.ndarray, "members rows cols"]:
        """Draw n independent matrices, exactly and in O(mn) each, in float64; the key is consumed."""
        generator = np.random.default_rng(np.asarray(jax.random.key_data(key)))
        normal = project(generator.standard_normal((n, *self.shape)))
        deviations = np.sqrt(self.parameters[1:])
        scaled = Blocks(*(scale * part for scale, part in zip(deviations, normal, strict=True)))
        return np.asarray(compose(scaled)) + self.mean

    def log_prob(self, stack: ArrayLike) -> Float[np.ndarray, "*batch"]:
        """Log-density of each matrix of a stack [..., m, n], in nats.

        Raises:
            ValueError: if the matrices are not m x n.
        """
        stack = np.asarray(stack, dtype=np.float64)
        if stack.shape[-2:] != self.shape:
            raise ValueError(f"matrices of shape {stack.shape}: give a stack [..., {self.shape[0]}, {self.shape[1]}]")
        moments = block_moments(stack)
        # A single matrix is an ensemble of one: its plug-in v0 vanishes.
        mean, zero = moments[..., :1] / np.sqrt(self.shape[0] * self.shape[1]), np.zeros_like(moments[..., :1])
        return -cross_entropy(np.concatenate([mean, zero, moments[..., 1:]], axis=-1), self.parameters, self.shape)

    def entropy(self) -> float:
        """Differential entropy in nats."""
        return float(entropy(self.parameters, self.shape))

    def kl(self, other: "RectangularModel") -> float:
        """Kullback-Leibler divergence KL(self || other) in nats.

        Raises:
            ValueError: if the models are of different shape.
        """
        check_same_shape(self, other)
        return float(kullback_leibler(self.parameters, other.parameters, self.shape))

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain numbers: `shape` and the list `parameters` of (mean, v0, vC, vR, vE)."""
        return {"shape": list(self.shape), "parameters": self.parameters.tolist()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "RectangularModel":
        """The model written by `to_json`.

        Raises:
            ValueError: if an entry is missing or not as `to_json` writes it.
        """
        missing = {"shape", "parameters"} - set(data)
        if missing:
            raise ValueError(
                f"model without {sorted(missing)}: give the dictionary written by RectangularModel.to_json"
            )
        return cls.from_parameters(data["parameters"], shape=tuple(data["shape"]))


def wasserstein(p: RectangularModel, q: RectangularModel) -> float:
    """The 2-Wasserstein distance W2 (not squared) between two models.

    Raises:
        ValueError: if the models are of different shape.
    """
    check_same_shape(p, q)
    return float(np.sqrt(np.sum(wasserstein_squared_parts(p.parameters, q.parameters, p.shape))))


def check_same_shape(p: RectangularModel, q: RectangularModel) -> None:
    """Refuse to compare models of different shape.

    Raises:
        ValueError: if the models are of different shape.
    """
    if p.shape != q.shape:
        raise ValueError(f"models of matrices of shapes {p.shape} and {q.shape}: compare models of one shape")
