"""A small mutation tool: `scripts/mutate.py` runs it."""
