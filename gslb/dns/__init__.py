"""Bytes in, bytes out: the wire format. Nothing here has heard of a pool."""
