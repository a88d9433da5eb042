"""Kinds of options that several commands have."""

import os
from pathlib import Path
from typing import Any

import click

from gcl_spec.config.user_paths import user_path, why_no_path

__all__ = ["FILE", "PATH", "UserPath"]


class UserPath(click.Path):
    """A path, in which `~` is the home folder also where the shell leaves it, as in `--out=~/x`."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """The path that a user's text means (`click.Path.convert`)."""
        if isinstance(value, str):
            value = user_path(value)
            if problem := why_no_path(value):
                self.fail(f"{value!r:.200} is {problem}", param, ctx)
        return super().convert(value, param, ctx)


PATH = UserPath(path_type=Path)
FILE = UserPath(dir_okay=False, path_type=Path)
"""The path of a file, not of a folder."""
