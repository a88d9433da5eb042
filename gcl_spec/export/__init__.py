"""Writes trained models in other programs' formats.

Start reading at `transformers`, which writes a checkpoint for the hub; `onnx` writes graphs.
"""
