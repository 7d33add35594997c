"""Hold the pure rules and types: no I/O, no clock, no environment."""
