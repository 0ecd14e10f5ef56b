"""The program: presets, stages, run folder, command line, report."""
