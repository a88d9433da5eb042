"""The loss in PyTorch: its kernel, its derivatives, and its spread over processes."""
