"""Lines that commands print; nothing in them moves the cursor of a terminal."""

import click

from gcl_spec._text import escaped

__all__ = ["say"]


def say(text: object, *, err: bool = False) -> None:
    """One line on stdout, or on stderr; names of others in it are escaped."""
    click.echo(escaped(text), err=err)
