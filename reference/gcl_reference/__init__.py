"""The independent witness: the objective as loops in float64 NumPy."""
