"""The models of the recipes in PyTorch: start reading at `recipes`; `towers` has their encoders."""
