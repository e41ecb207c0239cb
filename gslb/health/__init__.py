"""What we believe of the targets. Pure: the clock is an argument."""
