"""One run on several machines: how its processes find each other, and stop together."""
