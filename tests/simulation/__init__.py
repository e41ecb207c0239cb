"""Sites, members, probers and networks on a simulated clock, around the code that judges them."""
