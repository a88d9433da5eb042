"""The loss in PyTorch: kernels, processes, autograd."""
