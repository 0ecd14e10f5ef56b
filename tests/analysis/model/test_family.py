"""Each closed form against a numerical maximum of the dense likelihood."""

import json

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from analysis import PIGMM, Simultaneous, fit
from analysis.inference.nesting import contrasts, nested_pairs, nested_tests
from analysis.model.family import fit_family, maximum_likelihood, parameter_counts
from tests.dense import dense
from tests.square import block_moments
from tests.square import pigmm as model

MODELS = tuple(Simultaneous(4).family)
COUNTS = dict(zip(MODELS, [1, 2, 4, 4, 5, 5, 11, 13], strict=True))


def skewed(members: int, dim: int, seed: int = 0) -> np.ndarray:
    """Matrices that no model of the family describes."""
    rng = np.random.default_rng(seed)
    columns = rng.standard_normal((members, 1, dim))
    stack = rng.exponential(1.0, (members, dim, dim)) + columns + 0.5 * np.swapaxes(columns, 1, 2) ** 2
    return stack + np.eye(dim) * rng.standard_normal((members, 1, 1))


def swap(dim: int) -> np.ndarray:
    """M -> M^T on flattened matrices."""
    return np.eye(dim**2).reshape(dim, dim, dim, dim).swapaxes(0, 1).reshape(dim**2, dim**2)


def pigmm(theta: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance from free numbers: Cholesky factors of the blocks."""
    trivial, standard = np.zeros((2, 2)), np.zeros((3, 3))
    trivial[np.tril_indices(2)], standard[np.tril_indices(3)] = theta[2:5], theta[5:11]
    return dense(model(dim, theta[:2], trivial @ trivial.T, standard @ standard.T, theta[11] ** 2, theta[12] ** 2))


def law(name: str, theta: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean [D^2] and covariance [D^2, D^2] of each model, written down from its definition."""
    size = dim**2
    one, eye, on_diagonal = np.ones(size), np.eye(dim).ravel(), np.diag(np.eye(dim).ravel())
    same, reverse, scalar = np.eye(size), swap(dim), np.outer(eye, eye) / dim
    off_diagonal = same - on_diagonal
    s = theta**2
    match name:
        case "iid_zero_mean":
            return 0 * one, s[0] * same
        case "iid":
            return theta[0] * one, s[1] * same
        case "conjugation":
            covariance = s[1] * scalar + s[2] * (same + reverse - 2 * scalar) / 2 + s[3] * (same - reverse) / 2
            return theta[0] * eye, covariance
        case "diagonal":
            return theta[0] * one + theta[1] * eye, s[2] * on_diagonal + s[3] * off_diagonal
        case "reciprocal":
            pairs = off_diagonal @ reverse
            covariance = s[2] * on_diagonal + s[3] * (off_diagonal + pairs) / 2 + s[4] * (off_diagonal - pairs) / 2
            return theta[0] * one + theta[1] * eye, covariance
        case "bipartite":
            flat, centred = np.full((dim, dim), 1 / dim), np.eye(dim) - 1 / dim
            covariance = s[1] * np.kron(flat, flat) + s[2] * np.kron(flat, centred)
            return theta[0] * one, covariance + s[3] * np.kron(centred, flat) + s[4] * np.kron(centred, centred)
        case "transposition":
            # The average of a general law and its transpose; two of the 13 numbers become redundant.
            mean, covariance = pigmm(theta, dim)
            return mean, (covariance + reverse @ covariance @ reverse) / 2
        case _:
            return pigmm(theta, dim)


@pytest.mark.parametrize("dim", [4, 5])
@pytest.mark.parametrize("name", MODELS)
def test_closed_forms_are_the_numerical_maximum_of_the_dense_likelihood(name, dim):
    stack = skewed(30, dim)
    flat = stack.reshape(30, -1)
    centre, scatter = flat.mean(axis=0), np.cov(flat.T, bias=True)

    def minus_mean_loglik(theta):
        mean, covariance = law(name, theta, dim)
        second = scatter + np.outer(centre - mean, centre - mean)
        logdet = np.linalg.slogdet(covariance)[1]
        return (dim**2 * np.log(2 * np.pi) + logdet + np.trace(np.linalg.solve(covariance, second))) / 2

    fitted = fit_family(block_moments(stack), Simultaneous(dim))
    which = MODELS.index(name)
    free = 13 if name == "transposition" else COUNTS[name]
    found = minimize(minus_mean_loglik, np.linspace(1.0, 1.3, free), method="BFGS", options={"maxiter": 500})
    assert fitted.loglik[which] == pytest.approx(-30 * found.fun, abs=1e-5)
    mean, covariance = law(name, found.x, dim)
    closed_mean, closed_covariance = dense(PIGMM.from_parameters(fitted.f[which], dim=dim))
    np.testing.assert_allclose(closed_mean, mean, atol=2e-3)
    np.testing.assert_allclose(closed_covariance, covariance, atol=2e-2)
    reference = multivariate_normal(closed_mean, closed_covariance)  # pyright: ignore[reportArgumentType]
    np.testing.assert_allclose(fitted.loglik[which], reference.logpdf(flat).sum(), rtol=1e-11)


@pytest.mark.parametrize("dim", [2, 3, 4, 9])
def test_nested_models_are_ordered_in_likelihood_and_refitting_changes_nothing(dim):
    moments = block_moments(skewed(40, dim))
    fitted = fit_family(moments, Simultaneous(dim))
    tests = nested_tests(moments, fitted, Simultaneous(dim))
    for k, (small, large) in enumerate(nested_pairs(Simultaneous(dim))):
        i, j = MODELS.index(small), MODELS.index(large)
        assert fitted.loglik[i] <= fitted.loglik[j] + 1e-9
        assert len(contrasts(small, large, Simultaneous(dim))) == tests.dof[k] > 0
        np.testing.assert_allclose(contrasts(small, large, Simultaneous(dim)) @ fitted.f[i], 0, atol=1e-10)
        # The fit to data of the smaller model is that model, in every model that contains it.
        np.testing.assert_allclose(
            PIGMM.from_parameters(maximum_likelihood(fitted.f[i], Simultaneous(dim))[j], dim=dim).kl(
                PIGMM.from_parameters(fitted.f[i], dim=dim)
            ),
            0,
            atol=1e-12,
        )
    assert np.array_equal(fitted.f[-1], fit(skewed(40, dim)).model.parameters) or dim < 4
    assert fitted.status == "ok"


def test_numbers_of_parameters_and_the_order_of_inclusion():
    assert dict(zip(MODELS, parameter_counts(Simultaneous(10)), strict=True)) == COUNTS
    assert parameter_counts(Simultaneous(3))[-1] == 12
    pairs = nested_pairs(Simultaneous(4))
    assert len(pairs) == 21
    assert ("bipartite", "transposition") not in pairs
    assert ("conjugation", "reciprocal") not in pairs
    assert ("diagonal", "reciprocal") in pairs


def test_criteria_and_held_out_likelihood_follow_their_definitions():
    stack = skewed(23, 5)
    fitted = fit_family(block_moments(stack), Simultaneous(5), folds=4)
    k, log = fitted.parameters, fitted.loglik
    np.testing.assert_allclose(fitted.aic, 2 * k - 2 * log)
    np.testing.assert_allclose(fitted.bic, k * np.log(23) - 2 * log)
    total = np.zeros(len(MODELS))
    for fold in range(4):
        out = np.arange(23) % 4 == fold
        f = fit_family(block_moments(stack[~out]), Simultaneous(5)).f
        total += [PIGMM.from_parameters(row, dim=5).log_prob(stack[out]).sum() for row in f]
    np.testing.assert_allclose(fitted.held_out, total, rtol=1e-11)
    of_ten, default = (fit_family(block_moments(stack), Simultaneous(5), **given) for given in ({"folds": 10}, {}))
    np.testing.assert_array_equal(default.held_out, of_ten.held_out)


def test_a_huge_common_mean_changes_only_the_mean():
    stack = np.random.default_rng(6).standard_normal((60, 8, 8))
    near, far = (fit_family(block_moments(stack + shift), Simultaneous(8)) for shift in (0.0, 1e3))
    with_mean = [MODELS.index(name) for name in ("iid", "diagonal", "bipartite", "reciprocal", "pigmm")]
    np.testing.assert_allclose(far.f[with_mean, 2:], near.f[with_mean, 2:], atol=1e-10)
    np.testing.assert_allclose(far.loglik[with_mean], near.loglik[with_mean], rtol=1e-9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fit_family(np.ones((5, 10)), Simultaneous(4), folds=1), "at least 2"),
        (lambda: fit_family(np.full((5, 10), np.nan), Simultaneous(4)), "finite members only"),
        (lambda: contrasts("iid", "gue", Simultaneous(4)), "not in the family"),
    ],
)
def test_wrong_input_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


def test_public_likelihoods(fixtures):
    data = json.loads((fixtures / "public_ensembles.json").read_text())
    keys = {
        "iid_zero_mean": "iid0",
        "iid": "iid",
        "conjugation": "od",
        "diagonal": "diagoff",
        "bipartite": "sdsd",
        "reciprocal": "reciprocal",
        "transposition": "transpose",
        "pigmm": "full",
    }
    for entry in data["ensembles"]:
        fitted = fit_family(block_moments(np.array(entry["entries"]) / entry["denominator"]), Simultaneous(entry["D"]))
        reference = [entry["loglik"][keys[name]] for name in MODELS]
        np.testing.assert_allclose(fitted.loglik, [each["value"] for each in reference], rtol=1e-11)
        np.testing.assert_allclose(fitted.f, [each["f"] for each in reference], atol=1e-13)
        assert [each["parameters"] for each in reference] == fitted.parameters.tolist()


def test_the_cause_of_a_missing_likelihood_is_too_few_members_or_no_variation():
    symmetry, moments = Simultaneous(4), np.random.default_rng(0).standard_normal((2, 10))
    assert "fewer than 3 members" in str(fit_family(moments, symmetry).status)
    constant = np.asarray(symmetry.block_moments(np.ones((6, 4, 4))))
    assert "constant or linearly dependent" in str(fit_family(constant, symmetry).status)
