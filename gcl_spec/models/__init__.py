"""Pretrained weights and their files, without a framework."""
