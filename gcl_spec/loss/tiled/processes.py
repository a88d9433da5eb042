"""What the loop over tiles asks of several processes that share its work."""

from typing import Protocol

from gcl_spec._typing import Array

__all__ = ["Processes"]


class Processes(Protocol):
    """Processes that hold the same rows and share the work on pairs of tiles."""

    rank: int
    size: int

    def sum(self, x: Array, /) -> Array:
        """The sum over processes, on each of them."""
        ...

    def max(self, x: Array, /) -> Array:
        """The largest of the processes' values, on each of them."""
        ...
