"""Files that are read within bounds and written whole or not at all.

Start reading at `atomic`, which writes, and `reading`, which reads; all other folders use them.
"""
