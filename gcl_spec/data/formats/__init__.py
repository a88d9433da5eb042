"""One module for each layout in which samples lie on disk.

Start reading at `folder`, the simplest `gcl_spec.data.source.Source`; a new format is one more of
them, which `gcl_spec.data.open` opens.
"""
