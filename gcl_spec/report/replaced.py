"""Sections of a page that are put in place, or replaced, when the page is there already."""

import re
from collections.abc import Iterable, Sequence

from gcl_spec.report.pieces import escape

__all__ = ["framed", "notes", "with_section"]


def framed(name: str, body: str) -> str:
    """A section of a page by its name; an empty one keeps a place."""
    return f'<section id="{name}">{body}</section>'


def with_section(page: str, name: str, body: str) -> str | None:
    """The page with this body in place of what the section of a name held.

    It is None where the page has no such section, as those of older versions.
    """
    section = re.compile(rf'<section id="{re.escape(name)}">.*?</section>', re.DOTALL)
    new_page, count = section.subn(lambda _: framed(name, body), page, count=1)
    return new_page if count else None


def notes(made: str, origin: Sequence[tuple[str, str]], lines: Iterable[str]) -> str:
    """A list of remarks on what a section shows, of which the first says where it comes from.

    Args:
        made: what was done, such as "Measured".
        origin: names and values, such as the data and its path; none: that remark is left out.
        lines: the other remarks.
    """
    said = ", ".join(f"{name} {value}" for name, value in origin)
    every = [*([f"{made}: {said}."] if said else []), *lines]
    return f'<ul class="note">{"".join(f"<li>{escape(line)}</li>" for line in every)}</ul>'
