"""Lines that commands print; nothing in them moves the cursor of a terminal."""

from contextlib import nullcontext, suppress

import click

from gcl_spec._words import escaped

__all__ = ["say"]


def say(text: object, *, err: bool = False) -> None:
    """Print one line on stdout, or on stderr, with names of others escaped."""
    # Where standard error itself fails, nothing is left on which to say so.
    with suppress(OSError) if err else nullcontext():
        click.echo(escaped(text), err=err)
