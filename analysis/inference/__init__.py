"""What can be said of a law from the members of an ensemble: errors, tests, intervals."""
