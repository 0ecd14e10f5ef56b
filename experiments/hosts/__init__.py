"""One run on several machines: how its processes meet, and stop together."""
