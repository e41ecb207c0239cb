"""Data centres as network namespaces, which can be broken in many ways, and a client that counts wrong answers."""
