"""Recipes by name, a system with an objective among them, and the source of every value."""

import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from gcl_spec.config import toml
from gcl_spec.config.recipe_files import (
    SYSTEMS,
    objective_names,
    read_objective,
    read_recipe,
    recipe_names,
)
from gcl_spec.errors import ConfigError
from gcl_spec.objective import PRESETS
from repository import REPOSITORY

ABLATIONS = {"gcl-without-i-t", "gcl-without-to-it", "gcl-without-from-it"}
COMPOSED = [f"{system}-{objective}" for system in SYSTEMS for objective in objective_names()]


def test_the_papers_rows_are_there() -> None:
    assert set(SYSTEMS) <= set(recipe_names())
    wanted = {"gcl", "cl", "pairwise", "separation", "triplets", *ABLATIONS}
    assert wanted <= set(objective_names())


def tables(name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for value in read_recipe(name).values:
        table = found.setdefault(value.section, {})
        assert value.key not in table, "one value each"
        table[value.key] = tomllib.loads(f"x = {value.text}")["x"]
    return found


@pytest.mark.parametrize("name", sorted(set(recipe_names()) - set(SYSTEMS)))
def test_a_file_is_read_as_toml_reads_it(name: str) -> None:
    text = files("gcl_spec.config").joinpath("recipes", f"{name}.toml").read_text()
    assert tables(name) == tomllib.loads(text)


@pytest.mark.parametrize("name", [*recipe_names(), *COMPOSED])
def test_what_is_printed_is_a_config_of_the_same_options(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.toml"
    path.write_text(read_recipe(name).to_toml())
    assert toml.load(path=path) == toml.load(recipe=name)
    assert tomllib.loads(path.read_text()) == tables(name)


@pytest.mark.parametrize("name", recipe_names())
def test_every_value_has_a_source(name: str) -> None:
    recipe = read_recipe(name)
    assert recipe.about
    rivals = ("Trident (", "SigLIP (", "e5-omni (", "LLaVE (", "RzenEmbed (")
    known = (
        "paper",
        *rivals,
        "reported for the paper",
        "second-hand",
        "our choice",
        "UniIR",
        "CLIP (",
    )
    for value in recipe.values:
        assert value.source.startswith((*known, "TinyCLIP (", "VISTA (")), value


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_system_changes_by_its_objective_alone(system: str) -> None:
    plain = toml.load(recipe=system)
    assert plain == toml.load(recipe=f"{system}-gcl")
    assert plain.model.path == "", "a user brings the checkpoint"
    for name in (system, f"{system}-triplets"):
        needs = [need.partition(",")[0] for need in read_recipe(name).needs]
        assert needs == ["model.path", "data.path"]
    for name in ("cl", "pairwise", *ABLATIONS):
        changed = toml.load(recipe=f"{system}-{name}")
        assert changed.objective != plain.objective
        assert (changed.model, changed.optim, changed.train) == (
            plain.model, plain.optim, plain.train
        )  # fmt: skip


def test_objectives_are_presets() -> None:
    for name in objective_names():
        (value, *_) = read_objective(name).values
        assert tomllib.loads(f"x = {value.text}")["x"] in PRESETS


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("clip-sf-pairwse", "did you mean clip-sf-pairwise"),
        ("tinyclipsf", "did you mean tinyclip-sf"),
        ("clip-sf-", "did you mean clip-sf"),
        ("lite-pairwise", "there are adapter, clip, clip-sf"),
        ("../lite", "no recipe"),
        ("objectives/cl", "no recipe"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match=nearest):
        read_recipe(name)


def test_the_table_of_the_docs_names_every_recipe() -> None:
    text = (REPOSITORY / "docs" / "paper.md").read_text()
    named = set(re.findall(r"`([a-z0-9-]+)`", text)) - {"-triplets"}
    wanted = {name.removesuffix("-gcl") for name in COMPOSED}
    assert {name for name in named if name.startswith(SYSTEMS)} == wanted
