"""The losses that `gcl bench` measures in PyTorch, other libraries' among them (`peers`)."""
