"""What happens in a run: presets, training in processes, recording, stages."""
