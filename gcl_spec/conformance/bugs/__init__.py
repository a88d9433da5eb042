"""Known bugs to inject into a backend, with which the checks are checked themselves.

Start reading at `all`, the catalogue; `dense` is the arithmetic whose steps the bugs override.
"""
