"""How far the joint law of layers is from independent entries: against direct computation, and drawn networks."""

import numpy as np
import pytest

from analysis import Chain
from analysis.inference.layers_distance import layers_distance
from analysis.inference.resampling import bootstrap
from analysis.model.family import nearest_iid
from analysis.model.plugin import parameters_from_moments
from analysis.model.wasserstein import wasserstein_squared_parts

SIZES = (5, 4, 3)


def test_the_distance_is_that_of_the_laws_and_chance_that_of_drawn_networks():
    symmetry, scales = Chain(SIZES), (0.5, 2.0)
    rng = np.random.default_rng(3)

    def moments(members: int) -> np.ndarray:
        drawn = symmetry.standard_normal(rng, members)
        scaled = tuple(scale * stack for scale, stack in zip(scales, drawn, strict=True))
        return np.asarray(symmetry.block_moments(scaled))

    def direct(moments: np.ndarray, between: bool) -> float:
        f = parameters_from_moments(moments, symmetry)
        for name in () if between else ("S12", "T1rc"):
            f[symmetry.parameter_names.index(name)] = 0.0
        return float(np.sqrt(np.sum(wasserstein_squared_parts(f, nearest_iid(f, symmetry), symmetry))))

    given = moments(15)
    d = layers_distance(given, symmetry, bootstrap(15, 200))
    assert (d.w2, d.apart) == pytest.approx((direct(given, True), direct(given, False)))
    assert d.apart < d.w2
    again = [moments(15) for _ in range(300)]
    for between, value, null, se in ((True, d.w2, d.null, d.se), (False, d.apart, d.apart_null, d.apart_se)):
        values = [direct(one, between) for one in again]
        assert null == pytest.approx(np.mean(values), rel=0.1)
        assert se == pytest.approx(np.std(values), rel=0.6)
        assert abs(value - np.mean(values)) < 4 * np.std(values)
