"""Sections of a page that are put in place, or replaced, when the page is there already."""

import re

__all__ = ["framed", "with_section"]


def framed(name: str, body: str) -> str:
    """A section of a page by its name; an empty one keeps a place."""
    return f'<section id="{name}">{body}</section>'


def with_section(page: str, name: str, body: str) -> str | None:
    """The page with this body in place of what the section of a name held.

    It is None where the page has no such section, as those of older versions.
    """
    section = re.compile(rf'<section id="{re.escape(name)}">.*?</section>', re.DOTALL)
    found, count = section.subn(lambda _: framed(name, body), page, count=1)
    return found if count else None
