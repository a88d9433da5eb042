"""What `gcl verify-backends` needs of PyTorch beside the backend: `processes` spread a batch."""
