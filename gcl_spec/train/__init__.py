"""The training: from options and data to a run folder.

Start reading at `training`, the whole of it in order, and `loop`, its steps; `feed` makes batches,
and the arithmetic of a step is in the backends.
"""
