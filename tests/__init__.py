"""Tests, one file a module; what they share is in files without the prefix."""
