"""What the published benchmarks' own code computes, to reproduce its numbers to the last digit.

`gcl_spec.recall` is what a run is judged by. Each module here says in what its benchmark differs.
"""
