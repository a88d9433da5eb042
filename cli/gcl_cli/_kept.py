"""Keeps what an evaluation has found in the folder of its run, and in its page."""

from collections.abc import Callable
from pathlib import Path

from gcl_cli.lines import say
from gcl_spec._files.locks import locked
from gcl_spec.errors import GclError
from gcl_spec.run import manifest
from gcl_spec.run.folder import RunFolder

__all__ = ["keep"]

_PAGE = "report.html"


def keep(
    run: Path, name: str, text: str, shown: Callable[[str], str | None], *, allow_unverified: bool
) -> None:
    """Keep what was found as a file of the run and in its page, and say so; warn where it cannot.

    Args:
        run: the folder of the run.
        name: of the file.
        text: its content.
        shown: gives the page with what was found; None where that has no place for it.
        allow_unverified: take files of the run that have no checksum.
    """
    folder = RunFolder.open(run, allow_unverified=allow_unverified)
    said = _keep(folder, name, text, shown)
    say(said, err=said.startswith("warning"))


def _keep(folder: RunFolder, name: str, text: str, shown: Callable[[str], str | None]) -> str:
    path = folder.path
    try:
        if manifest.stored(path, "checksums.json") is None:
            return f"warning: not kept in {path}, which has no checksums.json"
        with locked(path, "writes"):
            folder.write(name, text)
            return _refresh(path, path / name, shown)
    except GclError as error:
        return f"warning: not kept in {path}: {error}"


def _refresh(folder: Path, kept: Path, shown: Callable[[str], str | None]) -> str:
    page, old = folder / _PAGE, manifest.stored(folder, _PAGE)
    if old is None:
        return f"kept: {kept}; {_PAGE} will show it when the training has ended"
    new = shown(old.decode(errors="surrogateescape"))
    if new is None:
        return (
            f"warning: kept: {kept}; {page} is of an older version and does not show it; "
            f"gcl train --resume {folder} writes it anew"
        )
    manifest.replace(folder, _PAGE, new.encode(errors="surrogateescape"))
    return f"kept: {kept}   report: {page}"
