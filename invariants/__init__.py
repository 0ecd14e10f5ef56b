"""Permutation-invariant polynomials of a matrix: graphs, their contraction plan, and their values."""

from invariants.graphs import Graph, enumerate_graphs

__all__ = ["Graph", "enumerate_graphs"]
