"""Training steps in PyTorch, on one process or many: start reading at `trainer`."""
