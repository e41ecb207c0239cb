"""Hostile input: mutated datagrams in process and over the wire, models of the parsers, targets for atheris."""
