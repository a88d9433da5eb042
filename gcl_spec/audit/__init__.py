"""What `gcl data check` finds before a training."""
