"""Does the held-out R^2 hold what it promises? Members with a known share of signal, again and again.

    python -m benchmarks.prediction [--runs 120] [--members 30 200 1000] [--features 20] [--signal 0 0.3 0.8]

Features are independent and normal; the number to predict is the sum of a quarter of them and noise. The truth is what
ridge regression reaches on 4000 other members when it is fitted to four fifths of the members, on average over runs.
Every share is in per cent: rejections of p at 5 %, and intervals of 95 % that hold the truth, of R^2 of the rank, of
R^2 of the number, and of the importance of the features with signal and of those without. Then the standard error over
the spread of R^2, and seconds.
"""

import argparse
import time
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr
from scipy.stats import rankdata
from sklearn.linear_model import RidgeCV

from analysis.inference.held_out import FOLDS, PENALTIES, held_out_errors, score
from analysis.show.style import CONFIDENCE

FRESH = 4000


class Trial(NamedTuple):
    """One ensemble."""

    p: float
    estimate: np.ndarray
    """R^2 of the rank and of the number, importance of signal and of noise."""
    se: np.ndarray
    truth: np.ndarray


def members(rng: np.random.Generator, count: int, features: int, signal: float) -> tuple[np.ndarray, np.ndarray]:
    x = rng.standard_normal((count, features))
    informative = features // 4
    y = np.sqrt(signal / informative) * x[:, :informative].sum(axis=1)
    return x, y + np.sqrt(1 - signal) * rng.standard_normal(count)


def trial(seed: list[int], count: int, features: int, signal: float) -> Trial:
    rng = np.random.default_rng(seed)
    x, y = members(rng, count, features, signal)
    group = (np.arange(features) >= features // 4).astype(int)
    errors = held_out_errors(x, y, group, 2, seed[-1])
    found, importance = score(errors, features, y), errors.importance
    fitted = count - count // FOLDS
    mean, std = x[:fitted].mean(axis=0), x[:fitted].std(axis=0)
    targets = np.stack([np.sqrt(12) * ((rankdata(y) - 0.5) / count - 0.5), y], axis=1)
    ridge = RidgeCV(PENALTIES, alpha_per_target=True).fit((x[:fitted] - mean) / std, targets[:fitted])
    fresh, number = members(rng, FRESH, features, signal)
    fresh = (fresh - mean) / std
    residual = np.stack([np.sqrt(12) * (ndtr(number) - 0.5), number], axis=1) - ridge.predict(fresh)
    coefficients = np.asarray(ridge.coef_)[0]
    parts = np.stack([(fresh * coefficients)[:, group == k].sum(axis=1) for k in (0, 1)], axis=1)
    parts -= parts.mean(axis=0)
    added = 2 * np.mean(residual[:, :1] * parts, axis=0) + 2 * np.mean(parts**2, axis=0)
    return Trial(
        found.p,
        np.array([found.r2, found.value_r2, *importance.value]),
        np.array([found.se, found.value_se, *importance.se]),
        np.array([*(1 - np.mean(residual**2, axis=0)), *added]),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Rejection rates and coverage of held-out R^2.")
    parser.add_argument("--runs", type=int, default=120)
    parser.add_argument("--members", type=int, nargs="+", default=[30, 200, 1000])
    parser.add_argument("--features", type=int, default=20)
    parser.add_argument("--signal", type=float, nargs="+", default=[0.0, 0.3, 0.8])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print("members signal   truth   p < 5 %   cover: R^2 rank, number; importance with, without   se/spread   s")
    for count in options.members:
        for signal in options.signal:
            start = time.process_time()
            runs = [trial([options.seed, run], count, options.features, signal) for run in range(options.runs)]
            seconds = (time.process_time() - start) / options.runs
            estimate, se = (np.array([getattr(run, what) for run in runs]) for what in ("estimate", "se"))
            truth = np.mean([run.truth for run in runs], axis=0)
            covered = 100 * np.mean(np.abs(estimate - truth) <= CONFIDENCE * se, axis=0)
            ratio = se[:, 0].mean() / estimate[:, 0].std()
            rejected = 100 * np.mean([run.p < 0.05 for run in runs])
            shares = "  ".join(f"{share:5.1f}" for share in covered)
            print(
                f"{count:7d} {signal:6.1f} {truth[0]:7.3f} {rejected:9.1f}   {shares}   {ratio:6.2f} {seconds:6.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
