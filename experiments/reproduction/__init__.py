"""`pigmm reproduce`: every run behind docs/results.md, planned to a budget, and the tables made of them."""
