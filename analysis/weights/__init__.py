"""Weights of any model: which of its matrices are draws of one law, and what each ensemble of them says."""
