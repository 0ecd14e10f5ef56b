"""The permutation-invariant Gaussian matrix model with 13 parameters."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Key, UInt32
from numpy.typing import ArrayLike

from analysis.likelihood import cross_entropy, entropy, kullback_leibler
from analysis.parameters import Block, covariance_blocks, pack_symmetric, symmetric_root, unpack_symmetric
from analysis.representation import Blocks, block_moments, compose, project


@dataclass(frozen=True, eq=False)
class PIGMM:
    """A Gaussian law of D x D matrices, invariant under simultaneous permutation of rows and columns.

    M = sum of block coordinates (x, h, V_2 part, V_3 part), independent across blocks, with x ~ N(mean, trivial),
    (h_1, h_2, h_3) ~ N(0, standard) along every dimension of V_H, variances v2 and v3 along every dimension of V_2
    and V_3. Any finite symmetric blocks are accepted; with a singular or indefinite block `log_prob` is -inf,
    `entropy` -inf and `kl` +inf, and an indefinite one cannot be sampled. Below D = 4 the entries of absent blocks
    are ignored.

    Raises:
        ValueError: if `dim` is below 2, or a block has the wrong shape, is not finite or not symmetric.

    Source: Ramgoolam, arXiv:1809.07559 (the 13 parameters); Hirst and Ramgoolam, arXiv:2510.05218.
    """

    dim: int
    mean: Float[np.ndarray, "2"]
    trivial: Float[np.ndarray, "2 2"]
    standard: Float[np.ndarray, "3 3"]
    v2: float
    v3: float

    def __post_init__(self):
        if not isinstance(self.dim, int | np.integer) or self.dim < 2:
            raise ValueError(f"model with dim {self.dim!r}: give a whole number >= 2 (>= 4 for all 13 parameters)")
        # Exact counting needs Python's integers: D^8 overflows NumPy's.
        object.__setattr__(self, "dim", int(self.dim))
        for name, shape in (("mean", (2,)), ("trivial", (2, 2)), ("standard", (3, 3)), ("v2", ()), ("v3", ())):
            value = np.asarray(getattr(self, name), dtype=np.float64)
            if value.shape != shape or not np.all(np.isfinite(value)):
                raise ValueError(f"model block {name} = {value.tolist()}: give finite numbers of shape {shape}")
            if len(shape) == 2 and not np.allclose(value, value.T, rtol=1e-9, atol=0):
                raise ValueError(f"model block {name} = {value.tolist()} is not symmetric: give a covariance")
            object.__setattr__(self, name, value if shape else float(value))

    @classmethod
    def from_parameters(cls, f: ArrayLike, *, dim: int) -> "PIGMM":
        """The model with parameters f1..f13 on `dim` x `dim` matrices.

        Raises:
            ValueError: if `f` is not a vector of 13 finite numbers, or `dim` is below 2.
        """
        f = np.asarray(f, dtype=np.float64)
        if f.shape != (13,) or not np.all(np.isfinite(f)):
            raise ValueError(f"parameters of shape {f.shape}: give the 13 finite numbers f1..f13")
        return cls(dim, f[:2], unpack_symmetric(f[2:5]), unpack_symmetric(f[5:11]), float(f[11]), float(f[12]))

    @property
    def parameters(self) -> Float[np.ndarray, "13"]:
        """The vector f1..f13."""
        upper = (pack_symmetric(self.trivial), pack_symmetric(self.standard))
        return np.concatenate([self.mean, *upper, [self.v2, self.v3]])

    @property
    def blocks(self) -> tuple[Block, Block, Block, Block]:
        """The covariance on V_0, V_H, V_2, V_3, with multiplicities."""
        return covariance_blocks(self.parameters, self.dim)

    def sample(self, key: Key[jax.Array, ""] | UInt32[jax.Array, "2"], n: int) -> Float[np.ndarray, "n D D"]:
        """Draw n independent matrices, exactly and in O(D^2) each; the key is consumed.

        Block coordinates of i.i.d. standard normal entries are scaled by the square root of each block. The normals
        come from NumPy seeded with the key, so they are float64 whatever the precision JAX is set to.

        Raises:
            ValueError: if a block is indefinite.
        """
        for block in self.blocks:
            values = np.linalg.eigvalsh(block.covariance)
            if block.multiplicity and values[0] < -1e-14 * abs(values[-1]):
                raise ValueError(
                    f"block {block.name} has eigenvalue {values[0]:.3g}: a covariance must not be negative"
                )
        generator = np.random.default_rng(np.asarray(jax.random.key_data(key)))
        normal = project(generator.standard_normal((n, self.dim, self.dim)))
        trivial, standard = symmetric_root(self.trivial), symmetric_root(self.standard)
        scaled = Blocks(
            self.mean + normal.x @ trivial,
            standard @ normal.h,
            sqrt(max(self.v2, 0.0)) * normal.symmetric,
            sqrt(max(self.v3, 0.0)) * normal.antisymmetric,
        )
        return np.asarray(compose(scaled))

    def log_prob(self, stack: ArrayLike) -> Float[np.ndarray, "*batch"]:
        """Log-density of each matrix of a stack [..., D, D], in nats.

        Raises:
            ValueError: if the matrices are not D x D.
        """
        stack = np.asarray(stack, dtype=np.float64)
        if stack.shape[-2:] != (self.dim, self.dim):
            raise ValueError(f"matrices of shape {stack.shape}: give a stack [..., {self.dim}, {self.dim}]")
        moments = block_moments(stack)
        # A single matrix is an ensemble of one: its plug-in covariance on V_0 vanishes.
        one = np.concatenate([moments[..., :2], np.zeros((*moments.shape[:-1], 3)), moments[..., 2:]], axis=-1)
        return -cross_entropy(one, self.parameters, self.dim)

    def entropy(self) -> float:
        """Differential entropy in nats."""
        return float(entropy(self.parameters, self.dim))

    def kl(self, other: "PIGMM") -> float:
        """Kullback-Leibler divergence KL(self || other) in nats.

        Raises:
            ValueError: if the models are of different size.
        """
        check_same_size(self, other)
        return float(kullback_leibler(self.parameters, other.parameters, self.dim))

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain numbers: `dim` and the list `parameters` of f1..f13."""
        return {"dim": self.dim, "parameters": self.parameters.tolist()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "PIGMM":
        """The model written by `to_json`.

        Raises:
            ValueError: if an entry is missing or not as `to_json` writes it, or the model is not valid.
        """
        if not isinstance(data.get("dim"), int) or not isinstance(data.get("parameters"), list):
            raise ValueError(f"model with entries {sorted(data)}: give the whole number dim and the list parameters")
        return cls.from_parameters(data["parameters"], dim=data["dim"])


def check_same_size(p: PIGMM, q: PIGMM) -> None:
    """Refuse to compare models of different size.

    Raises:
        ValueError: if the models are of different size.
    """
    if p.dim != q.dim:
        raise ValueError(f"models of {p.dim} x {p.dim} and {q.dim} x {q.dim} matrices: compare models of one size")
