"""Run scripted conversations against the graph and score what they leave behind."""
