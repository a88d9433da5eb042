"""The models of the recipes in flax.nnx.

Start reading at `recipes`; `towers` has their encoders, `functional` makes functions of modules.
"""
