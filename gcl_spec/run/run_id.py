"""Which run a checkpoint belongs to, since its own checksum also fits in another run's folder.

The id is made of the options on which the numbers depend and of the evaluation at the start, so
that the same run has the same id, and the same bytes in its checkpoints. It never changes later.
"""

import hashlib
from pathlib import Path

from gcl_spec.config.options import Config
from gcl_spec.config.resumable import FREE, differences
from gcl_spec.errors import CheckpointError
from gcl_spec.run import manifest
from gcl_spec.run.checkpoint import Found

__all__ = ["NAME", "NOTE", "check_whose", "make", "notes"]

NAME = "run-id"
NOTE = "run"
"""The name of the id among the notes of a checkpoint (`checkpoint.save`)."""

_EXACT = 2**53
"""Every reader of JSON holds integers below this exactly."""


def make(config: Config, before: str) -> str:
    """The id of a new run, a decimal number.

    Args:
        config: its options.
        before: the text of its before.json.
    """
    changed = differences(Config(), config)
    counted = sorted(str(option) for option in changed if option.name not in FREE)
    digest = hashlib.sha256("\n".join([*counted, before]).encode(errors="backslashreplace"))
    return str(int(digest.hexdigest(), 16) % _EXACT)


def notes(run: Path, *, allow_unverified: bool = False) -> dict[str, int]:
    """The notes for a checkpoint of the run; runs of older versions, without an id, have none.

    Raises:
        CheckpointError: the file is not as it was written, or is missing although checksums.json
            lists it or is missing, too.
    """
    if manifest.stored(run, NAME) is None:
        manifest.check(run, [NAME], resumes=True, allow_unverified=allow_unverified)
        return {}
    content = manifest.content(run, NAME, allow_unverified=allow_unverified)
    return {NOTE: int(content)} if content.isdigit() and len(content) < 20 else {}


def check_whose(checkpoint: Found, run: Path, *, allow_unverified: bool = False) -> None:
    """Raise a `CheckpointError` where a checkpoint is not of the run in whose folder it lies."""
    wanted = notes(run, allow_unverified=allow_unverified)
    if wanted and checkpoint.notes.get(NOTE) != wanted[NOTE] and not allow_unverified:
        raise CheckpointError(
            f"{checkpoint.path}: a checkpoint of another run than {run}; restore this run's own, "
            "move it away, or accept what stands there with --allow-unverified "
            "(allow_unverified=True in Python)"
        )
