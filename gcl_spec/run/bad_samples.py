"""Lists the samples that cannot be used, once each, and counts them against a limit."""

import errno
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict
from math import sqrt
from pathlib import Path

from gcl_spec._files.locks import shared_file
from gcl_spec._files.os_errors import one_line
from gcl_spec.data.sample import BadSample
from gcl_spec.errors import DataError

__all__ = ["BadList", "earlier"]


class BadList:
    """The bad samples of a run, in a file of lines {"id", "place", "reason", "step"}.

    `step`, from 0, is that of the first batch with the sample. Samples of later steps than a
    resumed run has come to do not count yet, so that it stops where an unbroken run stops. Several
    processes may share the file.

    Args:
        max_bad: the share of the samples met so far above which `judge` raises.
        samples: the number of samples in all.
        still_bad: is a sample, which a file has from an earlier run, still bad? It is asked before
            a run is stopped, since the sample may have been mended.
    """

    def __init__(
        self,
        max_bad: float,
        samples: int,
        still_bad: Callable[[int, BadSample], bool] = lambda step, bad: True,
    ) -> None:
        self._max_bad, self._samples, self._still_bad = max_bad, samples, still_bad
        self._found: dict[str, tuple[int, BadSample]] = {}
        self._path: Path | None = None
        self._listed: set[str] = set()
        self._earlier: set[str] = set()
        self._read_to = 0

    def open(self, path: Path) -> None:
        """Go on with a file, or begin one; a `FileError` where it cannot be written."""
        self._path, self._listed, self._read_to = path, set(), 0
        own = set(self._found)
        self._write()
        self._earlier = set(self._found) - own

    def add(self, step: int, bad: Iterable[BadSample]) -> None:
        """Note the bad samples of step `step`; samples that are noted already stay as they are."""
        count = len(self._found)
        for sample in bad:
            self._found.setdefault(sample.place, (step, sample))
        if len(self._found) > count:
            self._write()

    def count(self, step: int) -> int:
        """The number of bad samples that are known up to step `step`."""
        return sum(first <= step for first, _ in self._found.values())

    def judge(self, step: int, *, met: int, whole: bool = False) -> None:
        """Raise where the share of bad samples is above the limit.

        Args:
            step: the step up to which samples count.
            met: the number of samples met so far.
            whole: have the samples of an epoch, or all, been met? If not, the share must be above
                the limit by more than chance brings about: four standard deviations of the count,
                and one sample.

        Raises:
            DataError: the share is too large; the message names one of the bad samples.
        """
        met = min(met, self._samples)
        # An epoch leaves some samples out, which may all be good.
        most = self._max_bad * (self._samples if whole else met)
        if self._max_bad and not whole:
            most += 4 * sqrt(most) + 1
        if self.count(step) > most:
            self._drop_mended()
        count = self.count(step)
        if count <= most:
            return
        _, first = min(self._found.values(), key=lambda pair: (pair[0], pair[1].place))
        listed = f"; all are listed in {self._path}" if self._path is not None else ""
        raise DataError(
            f"{count} of {met} samples met so far are bad, more than data.max_bad = "
            f"{self._max_bad:g} allows; one is {first.place}: {first.reason}{listed}; mend "
            "them, start a new run without them, or raise data.max_bad"
        )

    def _drop_mended(self) -> None:
        for place in self._earlier:
            if not self._still_bad(*self._found[place]):
                del self._found[place]
        self._earlier = set()

    def _write(self) -> None:
        """Read what other processes, or this run before, have listed, and add what is missing."""
        if self._path is None:
            return
        with one_line("write", self._path):
            if not self._found and not self._path.exists():
                return
            with shared_file(self._path) as number:
                self._read(number)
                missing = [x for place, x in self._found.items() if place not in self._listed]
                lines = [json.dumps({**asdict(bad), "step": step}) + "\n" for step, bad in missing]
                data = "".join(lines).encode()
                if data and os.pwrite(number, data, self._read_to) != len(data):
                    raise OSError(errno.ENOSPC, "no space left on the disk")
                if data:
                    os.fsync(number)
                self._read_to += len(data)
                self._listed |= {bad.place for _, bad in missing}

    def _read(self, number: int) -> None:
        """Read what is new in the file; a line that a crash has cut off is written over."""
        size = os.fstat(number).st_size
        text = os.pread(number, size - self._read_to, self._read_to)
        whole, end, _ = text.rpartition(b"\n")
        for line in whole.splitlines():
            self._take(line)
        self._read_to += len(whole) + len(end)
        if self._read_to < size:
            os.ftruncate(number, self._read_to)

    def _take(self, line: bytes) -> None:
        entry = _parse(line)
        if entry is None:
            return
        step, bad = entry
        self._listed.add(bad.place)
        known = self._found.get(bad.place)
        if known is None or step < known[0]:
            self._found[bad.place] = (step, bad)


def earlier(content: bytes, step: int) -> bytes:
    """The lines of a list before step `step`, since a resumed run comes to the others again."""
    entries = [(line, _parse(line)) for line in content.splitlines(keepends=True)]
    return b"".join(line for line, entry in entries if entry is not None and entry[0] < step)


def _parse(line: bytes) -> tuple[int, BadSample] | None:
    """Step and sample of a line; None for one that is not of this kind."""
    try:
        record = json.loads(line)
        bad = BadSample(*(str(record[name]) for name in ("id", "place", "reason")))
        return int(record["step"]), bad
    except (ValueError, KeyError, TypeError):
        return None
