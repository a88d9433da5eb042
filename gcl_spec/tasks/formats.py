"""The formats in which tasks are read, by name.

A further format is one module with `SETS` and `read`, and one line here.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from gcl_spec.data.root import Root
from gcl_spec.errors import ConfigError
from gcl_spec.tasks import beir, covr, folder, mbeir, mixbench, mmeb
from gcl_spec.tasks.task import Task

__all__ = ["FORMATS", "Format", "format_of"]


class Format(Protocol):
    """What a module of a format has; its `read` may take further options by keyword."""

    SETS: tuple[str, ...]
    """The names of the sets of the published tables, in their order; none where there are none."""

    def read(self, root: Root, names: Sequence[str] = ()) -> tuple[Task, ...]:
        """The tasks of sets, by default of all that are there; or a `DataError`."""
        ...


FORMATS: Mapping[str, Format] = {
    "beir": beir,
    "covr": covr,
    "folder": folder,
    "mbeir": mbeir,
    "mixbench": mixbench,
    "mmeb": mmeb,
}


def format_of(name: str) -> Format:
    """The format of a name.

    Raises:
        ConfigError: there is none.
    """
    if name not in FORMATS:
        raise ConfigError(f"no format {name!r} of tasks; there are {', '.join(FORMATS)}")
    return FORMATS[name]
