"""An invariant Gaussian law as an object: density, samples, entropy, divergence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from analysis.model.covariance import SINGULAR, symmetric_root
from analysis.model.likelihood import cross_entropy, entropy, kullback_leibler
from analysis.symmetry import Data, Law, Simultaneous, Symmetry


@dataclass(frozen=True, eq=False, repr=False)
class Gaussian:
    """A Gaussian law of matrices, invariant under the permutations of a symmetry.

    The coordinates of different blocks are independent. Those of the trivial block are N(mean, covariances[0]); the
    copies of block b are N(0, covariances[b]) along each of its dimensions. Any finite symmetric blocks are accepted;
    with a singular or indefinite one `log_prob` is -inf, `entropy` -inf and `kl` +inf, and an indefinite one cannot be
    sampled. Entries of blocks that the matrices are too small for are ignored.

    Attributes:
        symmetry: the permutations, and the size of the matrices.
        mean: of the trivial block, in units of the matrices.
        covariances: one a block, in units squared.

    Raises:
        ValueError: if a block has the wrong shape, is not finite or not symmetric.
    """

    symmetry: Symmetry
    mean: Float[np.ndarray, "copies"]
    covariances: tuple[Float[np.ndarray, "_ _"], ...]

    def __post_init__(self) -> None:
        blocks = self.symmetry.blocks
        if len(self.covariances) != len(blocks):
            raise ValueError(f"{len(self.covariances)} covariances for the {len(blocks)} blocks: give one a block")
        object.__setattr__(self, "mean", _finite("mean", self.mean, (blocks[0].copies,)))
        covariances = []
        for block, given in zip(blocks, self.covariances, strict=True):
            value = _finite(block.name, given, (block.copies, block.copies))
            if not np.allclose(value, value.T, rtol=1e-9, atol=0):
                raise ValueError(f"model block {block.name} = {value.tolist()} is not symmetric: give a covariance")
            covariances.append(value)
        object.__setattr__(self, "covariances", tuple(covariances))

    @property
    def parameters(self) -> Float[np.ndarray, "parameters"]:
        """The parameter vector, in the order of `symmetry.parameter_names`."""
        return self.symmetry.pack(Law(self.mean, self.covariances))

    def sample(self, key: Any, n: int) -> Data:
        """Draw n independent members, exactly and in time linear in their entries; the JAX key is consumed.

        Block coordinates of i.i.d. standard normal entries are scaled by the square root of each block. The normals
        come from NumPy seeded with the key, so they are float64 whatever the precision JAX is set to.

        Raises:
            ValueError: if a block is indefinite.
        """
        import jax

        for block, covariance in zip(self.symmetry.blocks, self.covariances, strict=True):
            values = np.linalg.eigvalsh(covariance)
            if block.dimension and values[0] < -SINGULAR * abs(values[-1]):
                raise ValueError(
                    f"block {block.name} has eigenvalue {values[0]:.3g}: a covariance must not be negative"
                )
        generator = np.random.default_rng(np.asarray(jax.random.key_data(key)))
        x, *others = self.symmetry.project(self.symmetry.standard_normal(generator, n))
        trivial, *roots = map(symmetric_root, self.covariances)
        scaled = (on_copies(root, part) for root, part in zip(roots, others, strict=True))
        return self.symmetry.compose((self.mean + on_copies(trivial, x), *scaled))

    def log_prob(self, data: Any) -> Float[np.ndarray, "*batch"]:
        """Log-density of each member of a stack [..., m, n], in nats.

        Raises:
            ValueError: if the matrices are not of the shape of the model.
        """
        moments = np.asarray(self.symmetry.block_moments(self.symmetry.read(data)))
        # A single member is an ensemble of one: its plug-in covariance on the trivial block vanishes.
        copies, spread = self.symmetry.blocks[0].slots, self.symmetry.blocks[0].entries
        x, zero = moments[..., :copies] * self.symmetry.mean_unit, np.zeros((*moments.shape[:-1], spread))
        one = np.concatenate([x, zero, moments[..., copies:]], axis=-1)
        return np.asarray(-cross_entropy(one, self.parameters, self.symmetry))

    def entropy(self) -> float:
        """Differential entropy in nats."""
        return float(entropy(self.parameters, self.symmetry))

    def kl(self, other: "Gaussian") -> float:
        """Kullback-Leibler divergence KL(self || other) in nats.

        Raises:
            ValueError: if the laws are of different symmetries or sizes.
        """
        check_same_symmetry(self, other)
        return float(kullback_leibler(self.parameters, other.parameters, self.symmetry))

    def __repr__(self) -> str:
        named = zip(self.symmetry.parameter_names, self.parameters, strict=True)
        return f"{type(self).__name__}({self.symmetry}: {', '.join(f'{name} = {value:.4g}' for name, value in named)})"


class PIGMM(Gaussian):
    """The paper's model: the Gaussian law of D x D matrices under simultaneous permutations, with 13 parameters.

    Source: Ramgoolam, arXiv:1809.07559 (the 13 parameters); Hirst and Ramgoolam, arXiv:2510.05218.
    """

    @classmethod
    def from_parameters(cls, f: ArrayLike, *, dim: int) -> "PIGMM":
        """The model with parameters f1..f13 on `dim` x `dim` matrices.

        Raises:
            ValueError: if `f` is not a vector of 13 finite numbers, or `dim` is below 2.
        """
        f = np.asarray(f, dtype=np.float64)
        if f.shape != (13,) or not np.all(np.isfinite(f)):
            raise ValueError(f"parameters of shape {f.shape}: give the 13 finite numbers f1..f13")
        symmetry = Simultaneous(dim)
        return cls(symmetry, *symmetry.unpack(f))

    @property
    def dim(self) -> int:
        """D."""
        return self.symmetry.shapes[0][0]

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


def model_of(symmetry: Symmetry, parameters: ArrayLike) -> Gaussian:
    """The law with the given parameters; a `PIGMM` for simultaneous permutations.

    Raises:
        ValueError: if they are not finite numbers, one for each name of `symmetry.parameter_names`.
    """
    parameters = np.asarray(parameters, dtype=np.float64)
    names = symmetry.parameter_names
    if parameters.shape != (len(names),) or not np.all(np.isfinite(parameters)):
        raise ValueError(
            f"parameters of shape {parameters.shape}: give the {len(names)} finite numbers {', '.join(names)}"
        )
    kind = PIGMM if isinstance(symmetry, Simultaneous) else Gaussian
    return kind(symmetry, *symmetry.unpack(parameters))


def on_copies(matrix: Float[np.ndarray, "c c"], part: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Coordinates [N, copies, ...] of a block with a matrix applied to the copies; absent copies stay 0."""
    copies = part.shape[1]
    room = copies - len(matrix)
    return np.einsum("ij,nj...->ni...", np.pad(matrix, [(0, room)] * 2), part)


def check_same_symmetry(*laws: Gaussian) -> None:
    """Refuse to compare laws of different symmetries or sizes.

    Raises:
        ValueError: if they differ.
    """
    for law in laws[1:]:
        if law.symmetry != laws[0].symmetry:
            raise ValueError(
                f"models of {laws[0].symmetry} and {law.symmetry}: compare models of one symmetry and size"
            )


def _finite(name: str, given: Sequence | np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    value = np.asarray(given, dtype=np.float64)
    if value.shape != shape or not np.all(np.isfinite(value)):
        raise ValueError(f"model block {name} = {value.tolist()}: give finite numbers of shape {shape}")
    return value
