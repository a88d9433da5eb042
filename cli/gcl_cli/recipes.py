"""`gcl recipes`."""

from collections.abc import Iterator
from textwrap import wrap

import click

from gcl_spec.config.recipe_files import (
    DEFAULT,
    SYSTEMS,
    Recipe,
    objective_names,
    read_objective,
    read_recipe,
    recipe_names,
)

__all__ = ["command"]

_WIDTH = 80
_SOURCES = (
    "paper: printed in arXiv 2509.25638; reported for the paper: its recipe as far as it is known, "
    "of which the supplement could not be read; second-hand: in a third-party re-implementation; "
    "our choice: neither says"
)


@click.command("recipes")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """Show the recipes, with the source of every value; of one, NAME, the TOML.

    \b
    gcl recipes                                   all, explained
    gcl recipes clip-sf-pairwise > mine.toml      a file to change
    gcl train --config mine.toml                  and to train with
    """
    if name is not None:
        click.echo(read_recipe(name).to_toml(), nl=False)
        return
    for recipe in recipe_names():
        for line in _explained(read_recipe(recipe)):
            click.echo(line)
    for line in _objectives():
        click.echo(line)


def _explained(recipe: Recipe) -> Iterator[str]:
    yield recipe.name
    yield from _indented(recipe.about, 2)
    for need in recipe.needs:
        yield from _indented(f"needs {need}", 2)
    for value in recipe.values:
        head = f"{value.section}.{value.key} = {value.text}"
        yield from _indented(f"{head:<32} {value.source}", 4, further=37)
    yield ""


def _objectives() -> Iterator[str]:
    yield from _indented(
        f"{', '.join(SYSTEMS)} go with every objective, as {SYSTEMS[0]}-{objective_names()[1]} (by "
        f"itself a name means -{DEFAULT}):",
        0,
    )
    for name in objective_names():
        objective = read_objective(name)
        sources = "; ".join(f"{x.section}.{x.key} = {x.text}: {x.source}" for x in objective.values)
        needs = "".join(f" Needs {need}." for need in objective.needs)
        yield from _indented(f"{f'-{name}':<20} {objective.about}{needs} {sources}", 2, further=23)
    yield ""
    yield from _indented(f"Sources: {_SOURCES}.", 0)


def _indented(text: str, by: int, further: int | None = None) -> list[str]:
    rest = " " * (by if further is None else further)
    return wrap(text, _WIDTH, initial_indent=" " * by, subsequent_indent=rest)
