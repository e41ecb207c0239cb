"""Whole nodes of real processes, seen from outside: their clients, their sites, their operators."""
