"""The training: from options and data to a run."""
