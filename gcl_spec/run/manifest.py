"""checksums.json of a run folder: what each of its files must be, true after a kill at any moment.

It lists one or more states for each file, which is in one of them. Before a file is replaced its
new state is listed beside the old one, and the old one goes when it is replaced. It vouches for the
first `size` bytes of a log, to which lines are added; what a crash leaves after them does not
count. It also names the newest checkpoint, which has a checksum of its own.
"""

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from gcl_spec._files.atomic import atomic_write
from gcl_spec._files.reading import open_regular, parse_json, read_regular
from gcl_spec.errors import CheckpointError

__all__ = [
    "FILES", "adopt", "check", "content", "extend", "lines", "newest", "note_newest", "replace",
    "stored",
]  # fmt: skip

_NAME = "checksums.json"
_CHECKPOINT = re.compile(r"step-\d{8}\.safetensors")
_LOGS = ("metrics.jsonl", "bad_samples.jsonl")
_KEPT = {"sweep.json": "--sweep", "small.json": "--quantise all"}  # options of `gcl eval`
_DERIVED = ("after.json", "calibrated.json", "pools.json", "report.html", *_KEPT)
"""Files that are written again, or not needed, when a run goes on."""

FILES = (
    "config.toml", "before.json", "examples.json", "space.json", "data.json", "run-id", "wandb-id",
    *_LOGS, *_DERIVED, _NAME,
)  # fmt: skip
"""All files of a run but its checkpoints, which have checksums inside, and what loggers write."""

_MISSING = "missing"
_DAMAGED = "not as it was written: edited, cut or damaged"
_ACCEPT = "or accept what stands there with --allow-unverified (allow_unverified=True in Python)"


@dataclass(frozen=True, slots=True)
class _Sum:
    """The size and SHA-256 of a file, or of the beginning of a log."""

    size: int
    sha256: str

    @classmethod
    def of(cls, data: bytes) -> "_Sum":
        """The size and SHA-256 of `data`."""
        return cls(len(data), hashlib.sha256(data).hexdigest())


_States = tuple[_Sum | None, ...]
"""The states of a file; None says that it is not there."""


@dataclass(frozen=True, slots=True)
class _Listing:
    """The states by file name, and the file name of the newest checkpoint."""

    files: Mapping[str, _States]
    newest: str | None = None

    def render(self) -> bytes:
        """The content of checksums.json; `_read` holds it to this, so that each byte counts."""
        listed = {
            name: [None if one is None else asdict(one) for one in states]
            for name, states in sorted(self.files.items())
        }
        # Older versions named no checkpoint.
        named = {} if self.newest is None else {"newest": self.newest}
        covered = {**named, "files": listed} if named else listed
        own = hashlib.sha256(json.dumps(covered).encode()).hexdigest()
        return (json.dumps({"sha256": own, **named, "files": listed}, indent=1) + "\n").encode()


def _read(folder: Path) -> _Listing | None:
    """What checksums.json lists; None where there is none.

    Raises:
        CheckpointError: it cannot be read, or is damaged.
    """
    path = folder / _NAME
    try:
        content = read_regular(path)
        known = parse_json(content)
        files = {
            str(name): tuple(None if one is None else _Sum(**one) for one in states)
            for name, states in known["files"].items()
        }
        listing = _Listing(files, known.get("newest"))
        if not (listing.newest is None or _CHECKPOINT.fullmatch(listing.newest)):
            listing = _Listing({})
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot read the checksums: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        listing = _Listing({})
    if not listing.files or listing.render() != content:
        raise CheckpointError(f"{path}: {_DAMAGED}; restore it, {_ACCEPT}")
    return listing


def _write(folder: Path, listing: _Listing) -> None:
    with atomic_write(folder / _NAME) as file:
        file.write(listing.render())


def replace(folder: Path, name: str, data: bytes) -> None:
    """Write a file of the run and its checksum.

    Raises:
        FileError: it cannot be written, or checksums.json is damaged.
    """
    known = _read(folder) or _Listing({})
    before = known.files.get(name) or (_Sum.of(old) if (old := stored(folder, name)) else None,)
    both = tuple(dict.fromkeys((*before, _Sum.of(data))))
    _write(folder, _Listing({**known.files, name: both}, known.newest))
    with atomic_write(folder / name, size=len(data)) as file:
        file.write(data)
    _write(folder, _Listing({**known.files, name: (_Sum.of(data),)}, known.newest))


def extend(folder: Path, names: Collection[str] = _LOGS) -> None:
    """Vouch for all whole lines that logs have by now.

    A log whose beginning has changed stays as it was listed, so that `check` tells of it.

    Raises:
        FileError: checksums.json cannot be written, or is damaged.
    """
    known = _read(folder) or _Listing({})
    files = dict(known.files)
    for name in names:
        log = stored(folder, name)
        if log is not None and _problem(folder, name, files) is None:
            files[name] = (_Sum.of(log[: log.rfind(b"\n") + 1]),)
    if files != known.files:
        _write(folder, _Listing(files, known.newest))


def adopt(folder: Path, *, newest: str | None = None) -> None:
    """Vouch for the files as they stand there.

    Args:
        folder: the folder of the run.
        newest: the file name of its newest checkpoint.

    Raises:
        FileError: checksums.json cannot be written.
    """
    contents = {name: stored(folder, name) for name in FILES if name != _NAME}
    files = {name: (_Sum.of(x),) for name, x in contents.items() if x is not None}
    _write(folder, _Listing(files, newest))


def note_newest(folder: Path, name: str) -> None:
    """List a checkpoint that has been written as the newest.

    Args:
        folder: the folder of the run.
        name: the checkpoint's file name.

    Raises:
        FileError: checksums.json cannot be written, or is damaged.
    """
    known = _read(folder)
    if known is not None and name != known.newest:
        _write(folder, _Listing(known.files, name))


def newest(folder: Path) -> str | None:
    """The file name of the checkpoint that `note_newest` listed; runs of older versions list none.

    Raises:
        CheckpointError: checksums.json cannot be read, or is damaged.
    """
    known = _read(folder)
    return None if known is None else known.newest


def check(
    folder: Path,
    names: Collection[str] = FILES,
    *,
    resumes: bool = False,
    allow_unverified: bool = False,
) -> list[str]:
    """Hold files to their checksums.

    Args:
        folder: the folder of the run.
        names: names of files; one that is not there is a problem only with `resumes`.
        resumes: the run is about to go on, so that files of its end do not matter.
        allow_unverified: return a line about each problem instead of raising the error.

    Raises:
        CheckpointError: the first problem, and the way out.
    """
    # Where there is a problem, look again: a process that trains may just have replaced a file.
    problems = _problems(folder, names, resumes) and _problems(folder, names, resumes)
    if problems and not allow_unverified:
        name, what = next(iter(problems.items()))
        raise CheckpointError(f"{folder / name}: {what}; {_way_out(folder, name)}, {_ACCEPT}")
    return [f"{folder / name}: {what}; taken as it stands" for name, what in problems.items()]


def _problems(folder: Path, names: Collection[str], resumes: bool) -> dict[str, str]:
    """The problems by file name, of which the first is told."""
    try:
        known = _read(folder)
    except CheckpointError:
        return {_NAME: _DAMAGED}
    if known is None:
        return {
            _NAME: "missing, so that no file of the run can be verified; older versions wrote none"
        }
    problems = {}
    for name in names:
        what = None if name == _NAME else _problem(folder, name, known.files)
        if what and (name not in _DERIVED if resumes else what != _MISSING):
            problems[name] = what
    return problems


def _way_out(folder: Path, name: str) -> str:
    if name in _KEPT:
        return f"remove it, and gcl eval {folder} {_KEPT[name]} writes it anew"
    if name in _DERIVED:
        return f"gcl train --resume {folder} writes it anew"
    if name == "config.toml":
        change = f"gcl train --resume {folder} --set section.key=value"
        return f"restore it, and change options with {change}"
    return "restore it"


def content(folder: Path, name: str, *, allow_unverified: bool = False) -> bytes:
    """The content of a file that is as it was written.

    Raises:
        CheckpointError: it has changed, or is missing.
    """
    check(folder, [name], allow_unverified=allow_unverified)
    file_bytes = stored(folder, name)
    if file_bytes is None:
        raise CheckpointError(f"{folder / name}: missing; restore it, or start a new run")
    return file_bytes


def lines(folder: Path, name: str, *, allow_unverified: bool = False) -> bytes:
    """The lines of a log that are vouched for.

    Raises:
        CheckpointError: some of them are not as they were written.
    """
    if check(folder, [name], allow_unverified=allow_unverified):
        return stored(folder, name) or b""
    log = stored(folder, name) or b""
    states = (_read(folder) or _Listing({})).files.get(name, ())
    fitting = [one.size for one in states if one is not None and _fits(name, log, one)]
    return log[: max(fitting, default=0)]


def _problem(folder: Path, name: str, files: Mapping[str, _States]) -> str | None:
    """The problem of a file; None for one that is as it was written, or may be missing."""
    file_bytes = stored(folder, name)
    states = files.get(name, (None,) if name in _LOGS else ())
    if file_bytes is None:
        return None if not states or None in states else _MISSING
    if not states:
        return "has no checksum"
    if any(_fits(name, file_bytes, one) for one in states):
        return None
    return _DAMAGED


def _fits(name: str, file_bytes: bytes, wanted: _Sum | None) -> bool:
    if wanted is None:
        return name in _LOGS
    begun = file_bytes[: wanted.size] if name in _LOGS else file_bytes
    return _Sum.of(begun) == wanted


def stored(folder: Path, name: str) -> bytes | None:
    """The content of a file as it stands there; None where it is missing.

    Raises:
        CheckpointError: it cannot be read.
    """
    try:
        with open_regular(folder / name) as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CheckpointError(f"{folder / name}: cannot read it: {error.strerror}") from error
