"""Training steps in PyTorch, on one process or many."""
