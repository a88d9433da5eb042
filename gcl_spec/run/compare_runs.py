"""Compares two runs: metrics, every array of the last checkpoint to the bit, the reports."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gcl_spec._typing import State
from gcl_spec.run.folder import RunFolder

__all__ = ["Compared", "Difference", "compare", "states"]

_CLOCK = "samples_per_s"


@dataclass(frozen=True, slots=True)
class Difference:
    """The first difference of two runs: an entry, the place in it, both values."""

    entry: str
    place: str
    one: str
    two: str

    def __str__(self) -> str:
        place = f" at {self.place}" if self.place else ""
        return f"{self.entry}{place}: {self.one} and {self.two}"


@dataclass(frozen=True, slots=True)
class Compared:
    """A part of two runs: how many numbers or lines it has, and the first that differ."""

    part: str
    count: int
    difference: Difference | None


def compare(one: RunFolder, two: RunFolder) -> list[Compared]:
    """Compare all parts of two runs that do not depend on the clock.

    Raises:
        CheckpointError: a run has no readable checkpoint, or files that are missing or not as they
            were written.
        DataError: an evaluation is none.
    """
    for run in (one, two):
        run.check()
    first, second = (run.found().state for run in (one, two))
    lines, others = _lines(one), _lines(two)
    parts = [
        Compared("metrics", len(lines), next(_json("metrics.jsonl", lines, others), None)),
        Compared("checkpoint", sum(x.size for x in first.values()), states(first, second)),
    ]
    for name in ("before", "after"):
        a, b = one.report(name).to_json(), two.report(name).to_json()
        parts.append(Compared(name, _count(a), next(_json(f"{name}.json", a, b), None)))
    return parts


def states(one: State, two: State) -> Difference | None:
    """The first entry of two states that is not the same to the bit, in order of the names."""
    for name in sorted({*one, *two}):
        if name not in one or name not in two:
            said = ["there" if name in state else "missing" for state in (one, two)]
            return Difference(name, "", *said)
        a, b = one[name], two[name]
        if (a.dtype, a.shape) != (b.dtype, b.shape):
            return Difference(name, "", f"{a.dtype} {a.shape}", f"{b.dtype} {b.shape}")
        # They are compared as bytes, because 0.0 and -0.0 are not the same.
        size = a.dtype.itemsize
        raw = [np.frombuffer(x.tobytes(), np.uint8).reshape(-1, size) for x in (a, b)]
        differs = np.any(raw[0] != raw[1], axis=1)
        if np.any(differs):
            index = np.unravel_index(int(np.argmax(differs)), a.shape)
            place = str([int(i) for i in index])
            return Difference(name, place, repr(a[index].item()), repr(b[index].item()))
    return None


def _lines(run: RunFolder) -> list[dict[str, Any]]:
    return [{k: v for k, v in line.items() if k != _CLOCK} for line in run.metrics()]


def _json(entry: str, one: Any, two: Any, place: str = "") -> Iterator[Difference]:
    """All differences of two pieces of plain data."""
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        for key in dict.fromkeys([*one, *two]):
            if key not in one or key not in two:
                said = ["there" if key in table else "missing" for table in (one, two)]
                yield Difference(entry, f"{place}[{key!r}]", *said)
            else:
                yield from _json(entry, one[key], two[key], f"{place}[{key!r}]")
    elif isinstance(one, list | tuple) and isinstance(two, list | tuple):
        for n, (a, b) in enumerate(zip(one, two, strict=False)):
            yield from _json(entry, a, b, f"{place}[{n}]")
        if len(one) != len(two):
            yield Difference(entry, place, f"{len(one)} entries", f"{len(two)} entries")
    elif one != two:
        yield Difference(entry, place, json.dumps(one), json.dumps(two))


def _count(data: Any) -> int:
    if isinstance(data, Mapping):
        return sum(_count(value) for value in data.values())
    if isinstance(data, list | tuple):
        return sum(_count(value) for value in data)
    return 1
