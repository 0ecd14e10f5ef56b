import pytest

from invariants import PAPER, Graph, compile_plan, enumerate_graphs

ALL = tuple(graph for degree in (1, 2, 3, 4) for graph in enumerate_graphs(degree))


def test_connected_factors_are_computed_once():
    plan = compile_plan(ALL)
    assert len(plan.graphs) == 361
    assert len(plan.factors) == len(set(plan.factors)) == 209
    assert all(factor.components == (factor,) for factor in plan.factors)
    assert len(set(plan.outputs)) == 209
    assert len(set(plan.steps)) == len(plan.steps)
    # 209 sums over the last node and 69 intermediates, M not counted: sharing less would show here.
    assert len(plan.steps) - 1 <= 209 + 69


def test_products_rebuild_the_graphs():
    plan = compile_plan(ALL)
    for graph, product in zip(plan.graphs, plan.products, strict=True):
        union = Graph(())
        for factor in product:
            union = union | plan.factors[factor]
        assert union == graph


def test_steps_only_use_earlier_steps():
    for position, step in enumerate(compile_plan(ALL).steps):
        assert all(arg < position for arg in step.args)


def test_three_matrix_products_serve_every_graph_up_to_degree_four():
    plan = compile_plan(ALL)
    costly = [step for step in plan.steps if step.work == 3]
    transpose = next(i for i, step in enumerate(plan.steps) if step.op == "transpose" and step.args == (0,))
    assert {step.args for step in costly} == {(0, 0), (0, transpose), (transpose, 0)}
    assert len(costly) == 3
    assert max(step.memory for step in plan.steps) == 2


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5])
def test_every_graph_stays_within_cubic_work_and_square_memory(degree):
    for graph in enumerate_graphs(degree):
        steps = compile_plan((graph,)).steps
        assert max(step.work for step in steps) <= 3
        assert max(step.memory for step in steps) <= 2


def test_the_paper_needs_no_matrix_product():
    assert max(step.work for step in compile_plan(PAPER).steps) == 2


def test_trees_need_no_matrix_product():
    path = Graph(tuple((i, i + 1) for i in range(5)))
    assert max(step.work for step in compile_plan((path,)).steps) == 2


def test_plans_are_cached_values():
    assert compile_plan(ALL) is compile_plan(tuple(ALL))
    assert hash(compile_plan(PAPER)) != hash(compile_plan(ALL))


def test_the_plan_says_what_it_costs():
    assert str(compile_plan(ALL)).startswith("361 graphs, 209 connected factors")
    first, *kinds = str(compile_plan((Graph(((0, 1),)),))).splitlines()
    assert first == "1 graphs, 1 connected factors, 2 steps"
    assert [kind.split()[:4] for kind in kinds] == [["1", "vecmat", "work", "D^2"], ["1", "total", "work", "D^1"]]
    assert {step.op: step.work for step in compile_plan((Graph(((0, 0),)),)).steps[1:]} == {"diagonal": 1, "total": 1}


def test_graphs_beyond_cubic_work_are_refused():
    complete = Graph(((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)))
    with pytest.raises(ValueError, match="treewidth above 2"):
        compile_plan((complete,))
