"""The same zones on NSD and Knot: whatever is not a written deviation must be equal."""
