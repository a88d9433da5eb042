"""Pictures that cannot be read: left out, counted, listed, and too many of them are an error."""

import json
from pathlib import Path
from threading import Lock

from gcl_spec.errors import DataError

__all__ = ["BadSamples"]

_JUDGED_FROM = 100  # samples: one bad one among the first few says nothing


class BadSamples:
    """The bad pictures of a run by name, each once; safe to use from several threads.

    limit: share of the samples met so far that may be bad.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._reasons: dict[str, str] = {}
        self._listed: set[str] = set()
        self._path: Path | None = None
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._reasons)

    def __contains__(self, image: object) -> bool:
        return image in self._reasons

    def add(self, image: str, reason: str) -> None:
        """A picture that could not be read, and why."""
        with self._lock:
            self._reasons.setdefault(image, reason)
            self._write()

    def check(self, met: int, *, all_of_them: bool = False) -> None:
        """`DataError` where too many of the `met` samples are bad.

        Judged from 100 samples on, or when they are all that there are.
        """
        with self._lock:
            bad = dict(self._reasons)
        if bad and (met >= _JUDGED_FROM or all_of_them) and len(bad) > self._limit * met:
            shown = "; ".join(list(bad.values())[:3])
            raise DataError(
                f"{len(bad)} of {met} samples have pictures that cannot be read, more than "
                f"data.max_bad = {self._limit:g} allows: {shown}"
            )

    def keep_in(self, path: Path) -> None:
        """List them in a file of JSON lines, those known and those to come; old lines stay."""
        with self._lock:
            self._path = path
            if path.is_file():
                lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
                whole = [line for line in lines if line.endswith("\n")]
                self._listed = {str(json.loads(line)["image"]) for line in whole}
                if len(whole) < len(lines):  # cut off by a crash
                    path.write_text("".join(whole), encoding="utf-8")
            self._write()

    def _write(self) -> None:
        fresh = [image for image in self._reasons if image not in self._listed]
        if self._path is None or not fresh:
            return
        with self._path.open("a", encoding="utf-8") as file:
            for image in fresh:
                line = {"image": image, "reason": self._reasons[image]}
                file.write(json.dumps(line) + "\n")
        self._listed.update(fresh)
