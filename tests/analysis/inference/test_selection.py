"""Selection of couplings on members held out: what it finds, what it leaves out, and what it says."""

import numpy as np
import pytest

from analysis import Separate, Simultaneous
from analysis.inference.selection import Selection, select_couplings
from invariants import parse_bipartite
from tests.reference import bipartite_invariants

TRIPLE, QUADRUPLE = parse_bipartite("0-0,0-0,0-0"), parse_bipartite("0-0,0-0,0-0,0-0")


def of(stack: np.ndarray, **options) -> Selection:
    symmetry = Separate(*stack.shape[1:])
    values = bipartite_invariants(symmetry.every, stack - stack.mean())
    return select_couplings(values, np.asarray(symmetry.block_moments(stack - stack.mean())), symmetry, **options)


def test_independent_skewed_entries_need_powers_of_single_entries_only():
    found = of(np.random.default_rng(0).exponential(size=(300, 6, 7)))
    assert set(found.graphs) == {TRIPLE, QUADRUPLE}
    expected = {TRIPLE: 2 / 6, QUADRUPLE: 6 / 24}
    for graph, g, error in zip(found.graphs, found.g, found.g_se, strict=True):
        assert abs(g - expected[graph]) < 4 * error < expected[graph]
    assert found.status == "ok"
    assert len(found.tried) == 3
    # N mn kappa_k^2 / (2 k!) nats each, half of their scores.
    np.testing.assert_allclose(found.gain[:2].sum(), 300 * 6 * 7 * (4 / 12 + 36 / 48), rtol=0.2)
    assert np.all(found.gain[:2] > found.gain_se[:2])
    assert np.all(found.p[:2] < 0.05)
    assert found.gain[2] <= found.gain_se[2] or found.p[2] >= 0.05


def test_rows_that_share_a_skewed_level_need_a_star():
    """M_ij = a_i + e_ij with a skewed: the entries of a row have a common third cumulant."""
    rng = np.random.default_rng(1)
    found = of(rng.standard_normal((400, 5, 6)) + rng.exponential(size=(400, 5, 1)))
    stars = {graph for graph in found.graphs if len({edge[0] for edge in graph.edges}) == 1}
    assert found.graphs[0] in stars
    assert found.gain.shape == found.p.shape == (len(found.tried),)


def test_gaussian_members_need_none():
    """Of 20 ensembles 5 or more need a coupling with probability 0.003 if 5 % do."""
    rng = np.random.default_rng(2)
    symmetry, runs, members = Separate(4, 5), 20, 50
    stack = rng.standard_normal((runs * members, 4, 5)) + rng.standard_normal((runs * members, 4, 1))
    values = bipartite_invariants(symmetry.every, stack).reshape(runs, members, -1)
    moments = np.asarray(symmetry.block_moments(stack)).reshape(runs, members, -1)
    found = [select_couplings(v, b, symmetry) for v, b in zip(values, moments, strict=True)]
    assert sum(len(one.graphs) > 0 for one in found) <= 4
    assert all(len(one.tried) == len(one.graphs) + 1 for one in found)
    none = next(one for one in found if not one.graphs)
    assert none.g.size == none.g_se.size == 0


def test_the_split_is_that_of_the_seed():
    stack = np.random.default_rng(3).exponential(size=(60, 4, 4))
    one, same, other = of(stack, seed=1), of(stack, seed=1), of(stack, seed=2)
    np.testing.assert_array_equal(one.gain, same.gain)
    assert one.graphs == same.graphs
    assert one.gain[0] != other.gain[0]


def test_graphs_that_do_not_fit_into_the_matrix_are_never_chosen():
    found = of(np.random.default_rng(4).exponential(size=(200, 2, 3)))
    assert found.graphs
    assert all(len({a for a, _ in graph.edges}) <= 2 for graph in found.graphs)
    assert np.isfinite(found.gain).all()


def test_statuses_and_refusals_name_cause_and_remedy():
    stack = np.random.default_rng(5).exponential(size=(30, 4, 5))
    few = of(stack[:9])
    assert few.status == "9 members: couplings are selected from 10 on; add members"
    assert few.graphs == few.tried == ()
    enough = of(stack[:10])
    assert enough.status == "ok"
    np.testing.assert_array_equal(enough.gain, of(stack[:10], folds=10).gain)
    assert "a fitted variance vanishes" in of(np.ones((30, 4, 5))).status
    assert of(stack, folds=2).status == "ok"
    with pytest.raises(ValueError, match="at least 2"):
        of(stack, folds=1)
    with pytest.raises(ValueError, match="separate permutations"):
        select_couplings(np.ones((30, 48)), np.ones((30, 5)), Simultaneous(4))
