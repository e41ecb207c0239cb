"""A real resolver in front of a real node."""
