"""The PyTorch backend of gcl-spec."""
