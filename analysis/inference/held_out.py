"""How well features of members tell a number of each member: held-out R^2 of ridge regression, its error and a test.

Repeated k-fold cross-validation. The penalty is chosen within each fold, by leaving out one by one the members that are
fitted: nothing is fitted to those predicted.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import rankdata

FOLDS, REPEATS = 5, 5
SHUFFLES = 199
"""Times that the numbers are shuffled: the smallest p is 1/200."""
INFLATION, IMPORTANCE_INFLATION = 1.2, 2.0
"""Variances of R^2 and of importance over those of influences, which take penalties as given: benchmarks/prediction.py.

Importance is quadratic in the coefficients, which the choice of the penalty scales."""
PENALTIES = np.logspace(-2, 5, 15)
"""Of features of unit variance, and squared errors that are summed over members."""


class Score(NamedTuple):
    """How well one set of features predicts members that it was not fitted to."""

    features: int
    r2: float
    """R^2 of the rank; below 0 where the mean of the others predicts better."""
    se: float
    control: float
    """Mean R^2 of ranks that are shuffled among the members."""
    p: float
    """Of the hypothesis that features and number are independent: the rank of R^2 among those of shuffled ranks."""
    value_r2: float
    """R^2 of the number itself, which few members may rule."""
    value_se: float


class Importance(NamedTuple):
    """What R^2 of ranks loses when a group of features is shuffled among the members predicted."""

    value: Float[np.ndarray, "groups"]
    se: Float[np.ndarray, "groups"]


class Errors(NamedTuple):
    """Squared errors of predictions over the variance of what is predicted, on average over the repeats.

    The influence of a member is its own error less the change in those of all others when nothing is fitted to it.
    """

    squared: Float[np.ndarray, "N 2"]
    """Of ranks and of numbers."""
    influence: Float[np.ndarray, "N 2"]
    first: float
    """Mean over members, of ranks in the first repeat."""
    shuffled: Float[np.ndarray, "shuffles"]
    """The same where the ranks are shuffled."""
    added: Float[np.ndarray, "N groups"]
    """What shuffling a group among the members predicted adds to those of ranks, on average over all shuffles."""
    added_influence: Float[np.ndarray, "N groups"]

    @property
    def importance(self) -> Importance:
        """Of each group."""
        return Importance(self.added.mean(axis=0), _error(self.added_influence, IMPORTANCE_INFLATION))


class Moves(NamedTuple):
    """How much smaller coefficients and intercept are without each of the members they are fitted to."""

    slopes: Float[np.ndarray, "n features"]
    intercept: Float[np.ndarray, "n"]


def score(errors: Errors, features: int, numbers: Float[np.ndarray, "N"]) -> Score:
    """R^2 = 1 - <e>/<d> over members, e their squared errors and d = (y - <y>)^2, with its standard error.

    Its square is `INFLATION` / (N <d>^2) times the variance over members of their influence on <e>, or on
    <e> - (1 - R^2) <d> if that is larger. Where R^2 is 0 that is far too much, and p tells more.

    Args:
        errors: as `held_out_errors` of these numbers.
        features: how many there were.
        numbers: of each member.
    """
    as_good = np.sum(errors.shuffled <= errors.first * (1 + 1e-9))
    (r2, se), (value_r2, value_se) = (
        _r2(errors.squared[:, k], errors.influence[:, k], target)
        for k, target in enumerate((rankdata(numbers), numbers))
    )
    return Score(
        features=features,
        r2=r2,
        se=se,
        control=float(1 - errors.shuffled.mean()),
        p=float((1 + as_good) / (1 + len(errors.shuffled))),
        value_r2=value_r2,
        value_se=value_se,
    )


def held_out_errors(
    features: Float[np.ndarray, "N features"],
    numbers: Float[np.ndarray, "N"],
    group: Int[np.ndarray, "features"],
    groups: int,
    seed: int = 0,
) -> Errors:
    """Squared errors of numbers and of their ranks when every member is predicted by those of the other folds.

    With g the sum over a group of coefficient times feature of a member, and <> over the members of its fold, its
    residual r becomes r + g - g' when it takes the features of another one: shuffling adds <(r + g - g')^2> - r^2.
    Influences are linear in the change of the coefficients without a member of features x, A^-1 x r / (1 - h), with
    A = X^T X + penalty and h = x^T A^-1 x + 1/n.

    Args:
        features: those that do not vary do no harm.
        numbers: of each member, not all equal.
        group: of each feature; below 0 for none.
        groups: how many groups there are.
        seed: of the folds and of the shuffles.

    Source: Breiman, Machine Learning 45 (2001), 5, section 10.
    """
    # Here because it takes a second, which other commands need not wait for.
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import RepeatedKFold
    from sklearn.preprocessing import StandardScaler

    members, rng, ranks = len(numbers), np.random.default_rng(seed), rankdata(numbers)
    targets = np.stack([ranks, numbers, *(rng.permutation(ranks) for _ in range(SHUFFLES))], axis=1)
    targets = (targets - targets.mean(axis=0)) / targets.std(axis=0)
    membership = (group[:, None] == np.arange(groups)).astype(float)
    squared, influence = np.zeros((members, 2)), np.zeros((members, 2))
    added, added_influence = np.zeros((members, groups)), np.zeros((members, groups))
    first = np.zeros(targets.shape)
    folds = RepeatedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=seed)
    for number, (fitted, predicted) in enumerate(folds.split(targets)):
        y = targets if number < FOLDS else targets[:, :2]
        scaler = StandardScaler().fit(features[fitted])
        known, new = (np.asarray(scaler.transform(features[rows])) for rows in (fitted, predicted))
        ridge = RidgeCV(PENALTIES, alpha_per_target=True).fit(known, y[fitted])
        residual = y[predicted] - ridge.predict(new)
        if number < FOLDS:
            first[predicted] = residual**2
        own = y[fitted, :2] - ridge.predict(known)[:, :2]
        moves = [_moves(known, own[:, k], float(np.asarray(ridge.alpha_)[k])) for k in range(2)]
        for k, move in enumerate(moves):
            r = residual[:, k]
            squared[predicted, k] += r**2
            influence[fitted, k] -= 2 * (move.slopes @ (new.T @ r) + move.intercept * r.sum())
        r, slopes = residual[:, :1], moves[0].slopes
        centred = new - new.mean(axis=0)
        part = (centred * np.asarray(ridge.coef_)[0]) @ membership
        added[predicted] += (r + part) ** 2 + np.mean(part**2, axis=0) - r**2
        added_influence[fitted] -= slopes @ (2 * new.T @ part - membership * (centred.T @ (2 * r + 4 * part)))
    means = first.mean(axis=0)
    return Errors(
        squared=squared / REPEATS,
        influence=(squared + influence) / REPEATS,
        first=float(means[0]),
        shuffled=means[2:],
        added=added / REPEATS,
        added_influence=(added + added_influence) / REPEATS,
    )


def _moves(known: Float[np.ndarray, "n features"], residual: Float[np.ndarray, "n"], penalty: float) -> Moves:
    solved = np.linalg.solve(known.T @ known + penalty * np.eye(known.shape[1]), known.T).T
    left_out = residual / (1 - np.sum(solved * known, axis=1) - 1 / len(known))
    return Moves(solved * left_out[:, None], left_out / len(known))


def _r2(
    squared: Float[np.ndarray, "N"], influence: Float[np.ndarray, "N"], target: Float[np.ndarray, "N"]
) -> tuple[float, float]:
    """R^2 and its standard error."""
    deviations, r2 = (target - target.mean()) ** 2 / target.var(), 1 - squared.mean()
    return float(r2), float(_error(np.stack([influence, influence - (1 - r2) * deviations], axis=1), INFLATION).max())


def _error(influence: Float[np.ndarray, "N *rest"], inflation: float) -> Float[np.ndarray, "*rest"]:
    """Standard error of a mean over members."""
    return np.sqrt(inflation * np.var(influence, axis=0, ddof=1) / len(influence))
