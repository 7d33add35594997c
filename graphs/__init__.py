"""Wire the turn: state, nodes, edges and the runner."""
