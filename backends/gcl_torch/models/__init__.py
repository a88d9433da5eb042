"""The models of the recipes in PyTorch."""
