"""The independent witness: the objective as loops in float64 NumPy, which backends are held to.

Start reading at `loss`; `fusion` makes fused rows, `backend` is the seam.
"""
