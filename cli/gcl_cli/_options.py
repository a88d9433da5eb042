"""Options that several commands have, and the kinds of values that they take.

Each function gives the decorator of one option; `text` is what `--help` says of it.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import click

from gcl_spec.config.user_paths import user_path, why_no_path

__all__ = [
    "FILE",
    "PATH",
    "Option",
    "UserPath",
    "allow_unverified_option",
    "backend_option",
    "config_option",
    "device_option",
    "instructions_option",
    "json_option",
    "set_option",
    "step_option",
    "store_option",
]

Option: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]
"""A decorator that adds one option to a command."""


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


def backend_option(text: str | None = None) -> Option:
    """`--backend` of a command that has one backend."""
    return click.option("--backend", default="torch", show_default=True, metavar="NAME", help=text)


def device_option(text: str = "Such as cpu or cuda:0.  [default: the first]") -> Option:
    """`--device`."""
    return click.option("--device", metavar="NAME", help=text)


def store_option(text: str = "Search the copy that gcl index INDEX --store has made.") -> Option:
    """`--store`, which names a Qdrant server."""
    return click.option("--store", metavar="qdrant://HOST/NAME", help=text)


def step_option(text: str = "Which checkpoint of RUN; best by validation.") -> Option:
    """`--step`, which chooses a checkpoint."""
    return click.option(
        "--step", default="newest", show_default=True, metavar="N|best|newest", help=text
    )


def allow_unverified_option(
    text: str = "Take runs of older versions, which have no checksums, and edited files.",
) -> Option:
    """`--allow-unverified`."""
    return click.option("--allow-unverified", is_flag=True, help=text)


def instructions_option() -> Option:
    """`--instructions` of M-BEIR."""
    return click.option(
        "--instructions",
        type=click.Choice(["on", "off"]),
        default="off",
        show_default=True,
        help="M-BEIR: put the first instruction of a search before its queries.",
    )


def config_option() -> Option:
    """`--config` as `config_path`."""
    return click.option(
        "--config", "config_path", type=PATH, metavar="FILE", help="Options from a TOML file."
    )


def set_option(text: str) -> Option:
    """`--set` as `overrides`, which may be given several times."""
    return click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help=text)


def json_option(text: str) -> Option:
    """`--json` as `json_path`."""
    return click.option("--json", "json_path", type=FILE, metavar="FILE", help=text)
