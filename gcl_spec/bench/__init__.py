"""Speed: what a loss costs, in matrix products of the same library, and how much memory it takes.

Start reading at `measure`, which measures one candidate; `suite` runs each in a process of its own.
`search` measures an exact search in the same way.
`gcl_spec.backend.Bench` is what a backend supplies.
"""
