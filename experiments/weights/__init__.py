"""Models in the files of other programs, opened without executing anything: a file for each format."""
