"""The encoders of the recipes in flax.nnx, with torch's parameter names and layouts.

Start reading at `clip`; `layers` has the parts of all of them.
"""
