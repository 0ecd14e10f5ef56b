"""Couplings of a Gaussian law to cubic and quartic invariants, to first order.

The density is proportional to exp(-S + sum_G g_G :I_G:) with S the action of the Gaussian law, G the connected
bipartite graphs of degree 3 and 4, and :I_G: the sum over all labels of the Wick polynomial of the centred entries. To
first order g = C^-1 delta, with C_GH = E :I_G: :I_H: and delta_G the mean of :I_G: over the data. Grouping labels by
which of them coincide, :I_G: = sum_H A_GH :t_H:, with t_H the average over distinct labels: so C = A B A^T and
delta = A kappa, where B_GH = E :t_G: :t_H: is well conditioned once it is scaled, and kappa are the cumulants.

With R the symmetric root of the correlations of B and D the root of its diagonal, y = R^-1 D^-1 kappa has covariance
1/N under the Gaussian law, and g are the coefficients of the regression of y on the columns of X = R D A^T: C = X^T X,
delta = X^T y. Nothing is inverted that is worse conditioned than B.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from analysis.model.coupling_covariance import (
    connected_covariance,
    connected_sums,
    cumulant_covariance,
    label_sums,
    usable,
)
from analysis.model.hermite import expected_products
from analysis.symmetry import Symmetry

SINGULAR = 1e-11
"""Correlations of the cumulants with an eigenvalue below this fraction of the largest leave couplings undetermined."""


class FirstOrder(NamedTuple):
    """The Gaussian law as seen by the couplings to `coupled_graphs`, over any leading axes."""

    scale: Float[np.ndarray, "*batch graphs"]
    """Standard deviation D of :t_G: of one member; 0 where indices run out."""
    whitening: Float[np.ndarray, "*batch graphs graphs"]
    """R^-1 D^-1; 0 on cumulants that are undefined."""
    design: Float[np.ndarray, "*batch graphs graphs"]
    """X = R D A^T: one column for each coupling."""
    singular: Bool[np.ndarray, "*batch"]
    """Whether C has no inverse even on usable graphs: then X is replaced by 1, and nothing here has a meaning."""


def first_order(parameters: Float[np.ndarray, "*batch parameters"], symmetry: Symmetry) -> FirstOrder:
    """The regression that gives the couplings to the law with these parameters.

    Raises:
        ValueError: if the symmetry does not permute rows and columns apart.
    """
    covariance, kept = connected_covariance(parameters, symmetry), usable(symmetry)
    scale = np.sqrt(np.maximum(np.diagonal(covariance, axis1=-2, axis2=-1), 0.0))
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
    # Undefined cumulants are put apart from the others.
    correlation = covariance * inverse[..., None] * inverse[..., None, :] + np.diag(~kept)
    values, vectors = np.linalg.eigh(correlation)
    singular = (values[..., 0] <= SINGULAR * values[..., -1]) | np.any(scale[..., kept] <= 0, axis=-1)
    roots = np.sqrt(np.where(singular[..., None], 1.0, values))[..., None, :]
    transposed = np.swapaxes(vectors, -1, -2)
    root, whitening = (vectors * roots) @ transposed, (vectors / roots) @ transposed
    design = (root * scale[..., None, :]) @ connected_sums(symmetry).T
    design = np.where(singular[..., None, None], np.eye(len(kept)), design)
    return FirstOrder(scale, whitening * inverse[..., None, :], design, np.asarray(singular))


def whitened(law: FirstOrder, kappa: Float[np.ndarray, "*batch graphs"]) -> Float[np.ndarray, "*batch graphs"]:
    """Y = R^-1 D^-1 kappa, of covariance 1/N under the Gaussian law; 0 for cumulants that are undefined."""
    return (law.whitening @ np.where(np.isnan(kappa), 0.0, kappa)[..., None])[..., 0]


def fitted_couplings(
    law: FirstOrder, y: Float[np.ndarray, "*batch graphs"], chosen: Bool[np.ndarray, "graphs"]
) -> tuple[Float[np.ndarray, "*batch graphs"], Float[np.ndarray, "*batch graphs"]]:
    """The chosen couplings g that maximise the first-order likelihood, and sqrt(diag C^-1); 0 for the others.

    g = argmin |y - X g|^2 over the chosen, which is C^-1 delta restricted to them.
    """
    g, spread = np.zeros(y.shape), np.zeros(y.shape)
    if not chosen.any():
        return g, spread
    columns = law.design[..., chosen]
    norm = np.sqrt(np.sum(columns**2, axis=-2))
    q, r = np.linalg.qr(columns / norm[..., None, :])
    inverse = np.linalg.inv(r)
    g[..., chosen] = (inverse @ (np.swapaxes(q, -1, -2) @ y[..., None]))[..., 0] / norm
    spread[..., chosen] = np.sqrt(np.sum(inverse**2, axis=-1)) / norm
    return g, spread


def coupled_expectations(
    parameters: Float[np.ndarray, "*batch parameters"], g: Float[np.ndarray, "*batch couplings"], symmetry: Symmetry
) -> Float[np.ndarray, "*batch graphs"]:
    """E[I_H] of `symmetry.every`, connected or not, to first order in the couplings g of `coupled_graphs`.

    E[:t_K:] = sum_G (A^T g)_G B_GK for K of degree 3 and 4, and 0 for lower ones; from these E[t_H] and E[I_H] exactly.
    """
    wick_means = (g @ connected_sums(symmetry))[..., None, :] @ cumulant_covariance(parameters, symmetry)
    return expected_products(wick_means[..., 0, :], parameters, symmetry) @ label_sums(symmetry).T
