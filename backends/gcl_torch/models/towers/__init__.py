"""The encoders of the recipes in PyTorch, a module for each architecture.

`clip` loads dual encoders by transformers, and `pruned_clip` has those whose blocks differ; `eva02`
is the image tower of `vista`; `efficientnet_lite` and `minilm` are the towers of the recipe `lite`.
"""
