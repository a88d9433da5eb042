"""What `gcl bench` measures in PyTorch."""
