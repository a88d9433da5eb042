"""The processes that run one training, as far as the loop must know of them.

A trainer of many processes has an attribute `world`; the loop of every process runs the same steps,
and only the first one writes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gcl_spec.errors import TrainingError

__all__ = ["World", "on_first", "single", "world_of"]


class World(Protocol):
    """What a backend supplies for many processes; each call is made by all of them, in order."""

    @property
    def rank(self) -> int:
        """This process, from 0 to `size` - 1; 0 writes."""
        ...

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    @property
    def host(self) -> str:
        """The address of the machine of process 0; empty where processes need no watch."""
        ...

    def barrier(self) -> None:
        """Return when all have called it."""
        ...

    def first(self, number: int, /) -> int:
        """The number that process 0 has given, from 0 to 2^31 - 1; the same for all."""
        ...

    def lost(self, error: Exception, /) -> bool:
        """Is it what an exchange raises where another process has gone?"""
        ...

    def any(self, flag: bool, /) -> bool:
        """Has one of them given True? The same answer for all."""
        ...


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


def world_of(trainer: object) -> World:
    """The trainer's world; `single()` where it has none."""
    world: World = getattr(trainer, "world", None) or single()
    return world


def on_first(world: World, action: Callable[[], object], what: str) -> None:
    """Run `action` in the first process alone; all return, or all raise, so that none waits.

    Args:
        world: of all processes that call this.
        action: what only one may do, such as writing a file.
        what: its name for the error of the others, such as "save the checkpoint".

    Raises:
        Exception: that of `action`, in the first process. TrainingError: in the others.
    """
    failed: Exception | None = None
    if world.rank == 0:
        try:
            action()
        except Exception as error:  # the others must hear of it, whatever it is
            failed = error
    if not world.any(failed is not None):
        return
    if failed is not None:
        raise failed
    raise TrainingError(f"process 0 could not {what}; its own message says why")
