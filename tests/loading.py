"""Configurations from files, with every type of monitor there is."""

from gslb.config.load import load as load_with
from gslb.config.model import Config
from gslb.probe import KINDS


def load(path: str) -> Config:
    """See gslb.config.load."""
    return load_with(path, KINDS)
