"""Permutation-invariant polynomials of a matrix: graphs, their contraction plan, and their values."""

from invariants.bipartite import BIPARTITE, bipartite_key, enumerate_bipartite, is_bipartite, parse_bipartite
from invariants.catalogue import CUBIC_AND_QUARTIC, LINEAR_AND_QUADRATIC, NAMES, PAPER, latex, name
from invariants.chain_graphs import ChainGraph, enumerate_chain
from invariants.evaluation import combine, evaluate, factor_values
from invariants.graphs import Graph, enumerate_graphs
from invariants.plan import Plan, compile_plan
from invariants.undirected import enumerate_undirected, undirected

__all__ = [
    "BIPARTITE",
    "CUBIC_AND_QUARTIC",
    "LINEAR_AND_QUADRATIC",
    "NAMES",
    "PAPER",
    "ChainGraph",
    "Graph",
    "Plan",
    "bipartite_key",
    "combine",
    "compile_plan",
    "enumerate_bipartite",
    "enumerate_chain",
    "enumerate_graphs",
    "enumerate_undirected",
    "evaluate",
    "factor_values",
    "is_bipartite",
    "latex",
    "name",
    "parse_bipartite",
    "undirected",
]
