"""Outputs of frozen towers, computed once and kept on disk.

Start reading at `store`, which gives them to the trainer; `cache` is the files.
"""
