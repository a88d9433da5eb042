"""Pretrained towers in PyTorch."""
