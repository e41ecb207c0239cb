"""gslb: an authoritative DNS server that answers from live sites."""

__version__ = "0.1.0"
