"""The processes that run one training: a world of one, and work that only the first one does.

`gcl_spec.backend.World` is what a backend supplies for several; the loop of every process runs the
same steps, and only the first one writes.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gcl_spec.backend import World
from gcl_spec.errors import TrainingError

__all__ = ["on_first", "single"]


@dataclass(frozen=True, slots=True)
class _Single:
    rank: int = 0
    size: int = 1
    host: str = ""

    def barrier(self) -> None:
        pass

    def first(self, number: int, /) -> int:
        return number

    def lost(self, error: Exception, /) -> bool:
        return False

    def any(self, flag: bool, /) -> bool:
        return flag


def single() -> World:
    """A world of one process.

    >>> world = single()
    >>> world.rank, world.size, world.any(False), world.any(True)
    (0, 1, False, True)
    """
    return _Single()


def on_first(world: World, action: Callable[[], object], what: str) -> None:
    """Run `action` in the first process alone; all return, or all raise, so that none waits.

    Args:
        world: the world of all processes, which all call this.
        action: work that only one may do, such as writing a file.
        what: its name for the error of the others, such as "save the checkpoint".

    Raises:
        Exception: the error of `action`, in the first process.
        TrainingError: the same in the others.
    """
    failed: Exception | None = None
    if world.rank == 0:
        try:
            action()
        except Exception as error:  # the others must hear of every error
            failed = error
    if not world.any(failed is not None):
        return
    if failed is not None:
        raise failed
    raise TrainingError(f"process 0 could not {what}; its own message says why")
