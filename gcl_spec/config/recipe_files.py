"""The recipes by name: files of options, and those that are a system with an objective.

A file is TOML with a value a line, and behind each value its source, as a comment.
`clip-sf-pairwise` is made of `recipes/clip-sf.toml` and `recipes/objectives/pairwise.toml`.
"""

import re
from collections.abc import Iterator
from importlib.resources import files
from textwrap import wrap
from typing import NamedTuple

from gcl_spec._words import nearest
from gcl_spec.errors import ConfigError

__all__ = [
    "DEFAULT",
    "SYSTEMS",
    "Recipe",
    "Value",
    "objective_names",
    "read_recipe",
    "recipe_names",
]

SYSTEMS = ("clip-sf", "tinyclip-sf", "vista")
"""The models of the paper's tables; each goes with every objective."""

DEFAULT = "gcl"
"""The objective of a system whose name stands alone."""

_SECTION = re.compile(r"\[([\w.]+)\]")
_VALUE = re.compile(r"(\w+) = (.*?)(?:  # (.*))?")
_NEEDS = "Needs: "
_WIDTH = 90


class Value(NamedTuple):
    """One option of a recipe: its section and key, its value as TOML, and where that comes from."""

    section: str
    key: str
    text: str
    source: str


class Recipe(NamedTuple):
    """A recipe: what it is, its options, and what a user must bring, each by its option."""

    name: str
    about: str
    needs: tuple[str, ...]
    values: tuple[Value, ...]

    def to_toml(self) -> str:
        """The text of a config file with these options and their sources."""
        lines = [f"# {line}" for line in wrap(self.about, _WIDTH)]
        lines += [f"# {_NEEDS}{need}" for need in self.needs]
        for section in dict.fromkeys(value.section for value in self.values):
            lines += ["", f"[{section}]"]
            for value in self.values:
                if value.section == section:
                    source = f"  # {value.source}" if value.source else ""
                    lines.append(f"{value.key} = {value.text}{source}")
        return "\n".join(lines) + "\n"


def recipe_names() -> tuple[str, ...]:
    """Names of the recipes that ship with the package as files."""
    return _names("")


def objective_names() -> tuple[str, ...]:
    """Names of the objectives that go with every system, the default first."""
    return (DEFAULT, *(name for name in _names("objectives") if name != DEFAULT))


def read_recipe(name: str) -> Recipe:
    """The recipe of a name: a file's, or SYSTEM-OBJECTIVE; of a system alone, with GCL.

    Raises:
        ConfigError: there is none; the message has the nearest names.

    >>> [value.text for value in read_recipe("clip-sf-cl").values if value.section == "objective"]
    ['"clip"']
    """
    if name in recipe_names():
        own = _read(f"{name}.toml", name)
        return _joined(own, DEFAULT, name) if name in SYSTEMS else own
    for system in SYSTEMS:
        objective = name.removeprefix(f"{system}-")
        if objective != name and objective in objective_names():
            return _joined(_read(f"{system}.toml", system), objective, name)
    composed = [f"{system}-{objective}" for system in SYSTEMS for objective in objective_names()]
    known = ", ".join(recipe_names())
    raise ConfigError(
        f"no recipe {name!r:.80}{nearest(name, [*recipe_names(), *composed])}; there are {known}; "
        f"{', '.join(SYSTEMS)} go with -{', -'.join(objective_names())}"
    )


def read_objective(name: str) -> Recipe:
    """What an objective of `objective_names` changes in a system."""
    return _read(f"objectives/{name}.toml", name)


def _joined(system: Recipe, objective: str, name: str) -> Recipe:
    """A system with the options of an objective in the place of its own."""
    recipe = read_objective(objective)
    changed = {(value.section, value.key) for value in recipe.values}
    kept = (value for value in system.values if (value.section, value.key) not in changed)
    brought = {_option(need) for need in recipe.needs}
    needs = (*(need for need in system.needs if _option(need) not in brought), *recipe.needs)
    return Recipe(name, f"{system.about} {recipe.about}", needs, (*kept, *recipe.values))


def _option(need: str) -> str:
    return need.partition(",")[0]


def _names(folder: str) -> tuple[str, ...]:
    entries = files("gcl_spec.config").joinpath("recipes", folder).iterdir()
    return tuple(sorted(f.name[:-5] for f in entries if f.name.endswith(".toml")))


def _read(path: str, name: str) -> Recipe:
    text = files("gcl_spec.config").joinpath("recipes", path).read_text(encoding="utf-8")
    said = [line.removeprefix("# ") for line in _head(text)]
    needs = tuple(line.removeprefix(_NEEDS) for line in said if line.startswith(_NEEDS))
    about = " ".join(line for line in said if not line.startswith(_NEEDS))
    return Recipe(name, about, needs, tuple(_values(text)))


def _head(text: str) -> Iterator[str]:
    """The comment at the beginning."""
    for line in text.splitlines():
        if not line.startswith("# "):
            return
        yield line


def _values(text: str) -> Iterator[Value]:
    section = ""
    for line in text.splitlines():
        if match := _SECTION.fullmatch(line):
            section = match[1]
        elif match := _VALUE.fullmatch(line):
            yield Value(section, match[1], match[2], match[3] or "")
