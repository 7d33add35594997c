"""Hold the RQ entry points and the tick that rings them."""
