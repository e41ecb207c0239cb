"""Where a client is: CIDR rules and location databases compiled to sorted ranges."""
