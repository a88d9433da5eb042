"""Pretrained weights and their files, read without a framework.

Start reading at `pretrained`, which finds a model's files, and `weights`, which reads them into
NumPy; the towers themselves are in the backends.
"""
