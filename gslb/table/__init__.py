"""The compiled zones: immutable, ready to answer."""
