"""`gcl index`: what an index holds, line by line."""

from pathlib import Path
from typing import TYPE_CHECKING

from gcl_cli.lines import say

if TYPE_CHECKING:
    from gcl_spec.index import Index

__all__ = ["show_duplicates", "show_index"]


def show_index(path: Path, *, measure: bool) -> None:
    """Say how many items an index holds, and more of it where `measure` is set.

    Args:
        path: the folder of the index.
        measure: also say its model, how it lies on the disk, and how good its searches are.
    """
    from gcl_spec.index import open_index

    index = open_index(path)
    kinds = ", ".join(f"{n:,} {name}" for name, n in index.modalities.items())
    say(f"{len(index):,} items in {path}: {kinds or 'none'}")
    if not measure:
        return
    about, state = index.about, index.state()
    say(f"model      {about.maker.name}, run {about.run}")
    names = ", ".join(about.calibrations) or "none"
    whole = f", and whole rows of {about.codes.rescore}" if about.codes and not index.codes else ""
    say(f"vectors    {about.width} numbers of {about.dtype}{whole}; calibrations: {names}")
    for origin in about.origins:
        say(f"items of   {origin.path or 'programs'} ({origin.kind})")
    say(f"disk       {state.bytes / 1e6:,.1f} MB in {state.fragments} fragments, "
        f"{state.versions} versions")  # fmt: skip
    _say_quality(index)


def _say_quality(index: "Index") -> None:
    quality = index.quality()
    if quality is None:
        say(
            f"searches   compare all {index.codes} codes; no whole rows are kept to measure what "
            "that loses, as gcl eval --quantise does"
            if index.codes
            else "searches   are exact"
        )
        return
    fast, slow = quality.milliseconds
    say(f"searches   are approximate: recall@10 {quality.recall:.3f} against exact ones, "
        f"{fast:.1f} ms against {slow:.1f} ms, of {quality.queries} items")  # fmt: skip


def show_duplicates(path: Path, least: float) -> None:
    """List the groups of items that are nearly equal.

    Args:
        path: the folder of the index.
        least: the score from which on two items are.
    """
    from gcl_spec.index import open_index
    from gcl_spec.progress import open_progress

    with open_progress() as reporter:
        groups = open_index(path).duplicates(least, reporter)
    for number, group in enumerate(groups, 1):
        say(f"{number}  {len(group.ids)} of {group.modality}, {group.score:.4f} or more")
        for name in group.ids:
            say(f"   {name}")
    say(f"{len(groups):,} groups of items with a score of {least:g} or more")
