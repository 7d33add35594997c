"""Answer what telephone providers ask and tell."""
