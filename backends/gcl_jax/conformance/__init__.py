"""What `gcl verify-backends` needs of JAX beside the backend: `devices` spread a batch."""
