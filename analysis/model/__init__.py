"""Invariant Gaussian laws: fits, likelihoods, distances, expectations, written once for every symmetry."""
