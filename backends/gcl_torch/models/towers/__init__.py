"""The encoders of the recipes in PyTorch: `clip` by transformers, `efficientnet_lite`, `minilm`."""
