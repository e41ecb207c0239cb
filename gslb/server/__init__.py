"""Sockets and processes around `respond`."""
