"""Which checkpoint of a run must be there as the newest, so that one that was deleted is missed."""

from pathlib import Path

from gcl_spec.errors import CheckpointError
from gcl_spec.progress import warn
from gcl_spec.run import manifest
from gcl_spec.run.checkpoint import Found

__all__ = ["check_newest", "missed", "newest_step", "tell"]


def newest_step(run: Path) -> int:
    """The step of the newest checkpoint that was written; 0 where an older version wrote the run.

    Raises:
        CheckpointError: checksums.json cannot be read, or is damaged.
    """
    name = manifest.newest(run)
    return 0 if name is None else int(name.removeprefix("step-").removesuffix(".safetensors"))


def check_newest(checkpoint: Found, run: Path, *, written: int, steps: int | None) -> None:
    """Raise a `CheckpointError` where a newer checkpoint than the one that was found is missing.

    Args:
        checkpoint: the newest checkpoint that is there.
        run: the folder of the run.
        written: the `newest_step`, asked before `checkpoint` was looked for: a process that trains
            may write a newer one in between.
        steps: the steps of the whole run, if it has ended.
    """
    here = f"choose {{}} by --step {checkpoint.step} (for --init by its file {checkpoint.path})"
    if steps is not None and checkpoint.step < steps:
        raise CheckpointError(
            f"{run}: the run has ended, but its last checkpoint, of step {steps}, is missing; make "
            f"it again with gcl train --resume {run}, or {here.format('the newest')}"
        )
    if checkpoint.step < written:
        raise CheckpointError(
            f"{run}: its newest checkpoint, of step {written}, is missing; go on from that of step "
            f"{checkpoint.step} with gcl train --resume {run}, or {here.format('it')}"
        )


def missed(checkpoint: Found, run: Path, *, allow_unverified: bool = False) -> str | None:
    """A line that says that `checkpoint` is not the newest one, because a newer one is missing.

    It is None where the newest one is there, or is one that `checkpoint` lists as damaged.

    Args:
        checkpoint: the newest checkpoint that can be read.
        run: the folder of the run.
        allow_unverified: nothing is missed by a checksums.json that cannot be read, or is damaged.

    Raises:
        CheckpointError: checksums.json cannot be read, or is damaged.
    """
    try:
        written = manifest.newest(run)
    except CheckpointError:
        if not allow_unverified:
            raise
        return None
    if written is None or written <= max(
        path.name for path in (checkpoint.path, *checkpoint.damaged)
    ):
        return None
    return (
        f"{run}: its newest checkpoint, {written}, is missing; going on from {checkpoint.path.name}"
    )


def tell(checkpoint: Found, run: Path) -> None:
    """Say why an older checkpoint stands for the newest of an unverified run."""
    for line in checkpoint.warnings:
        warn(f"{line}; going on from {checkpoint.path.name}")
    if gone := missed(checkpoint, run, allow_unverified=True):
        warn(gone)
