"""The HTTP API of a node, and the control process that serves it."""
