"""The loss of a batch in O(B D) memory: logits a tile at a time, forward and backward.

Its numbers are those of `gcl_spec.loss.plain`. Start reading at `loop`; `tile_logits` has the
arithmetic of a tile, and `meetings` says how a ring of processes shares the tiles.
"""
