"""YAML to a frozen model, with every problem at once."""
