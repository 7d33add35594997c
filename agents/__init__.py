"""Hold the agents: prompt in, model and tools, state update out."""
