"""A small tool for mutation tests, which `scripts/mutate.py` runs."""
