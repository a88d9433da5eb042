"""Makes a `Config` of recipes, TOML files and overrides, and TOML of a `Config`."""

import ast
import inspect
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass, replace
from itertools import pairwise
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from gcl_spec._files.reading import parse_toml, read_regular
from gcl_spec._words import nearest
from gcl_spec.config.loss_options import check_loss_options
from gcl_spec.config.options import Config, ObjectiveConfig
from gcl_spec.config.ranges import check_ranges
from gcl_spec.config.recipe_files import read_recipe, recipe_names
from gcl_spec.config.user_paths import (
    PATHS,
    is_text,
    path_to_text,
    user_path,
    why_no_path,
    with_paths,
)
from gcl_spec.errors import ConfigError
from gcl_spec.objective import Objective, Scales, preset

__all__ = ["describe", "dumps", "load", "loads", "objective", "recipe_names"]

_LONGEST = 2**20  # bytes of a config
_DEEPEST = 8

Tables = dict[str, dict[str, Any]]


def load(
    *, recipe: str | None = None, path: Path | None = None, overrides: Sequence[str] = ()
) -> Config:
    """A config from a recipe, a TOML file or the defaults, with "section.key=VALUE" overrides.

    Args:
        recipe: the name of a recipe (`gcl_spec.config.recipe_files.read_recipe`).
        path: a TOML file, where no recipe is given.
        overrides: values that replace single keys, such as "optim.lr=1e-4".

    Raises:
        ConfigError: an unknown recipe, section or key (with the nearest name), a value of the wrong
            type or out of range, a file that cannot be read.
    """
    if recipe is not None:
        return loads(read_recipe(recipe).to_toml(), overrides, where=f"recipe {recipe}")
    if path is None:
        return loads("", overrides)
    try:
        text = read_regular(path, most=_LONGEST).decode("utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read the config {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"cannot read the config {path}: not UTF-8 text: {error}") from error
    return loads(text, overrides, where=str(path))


def loads(text: str, overrides: Sequence[str] = (), *, where: str = "config") -> Config:
    """A config from TOML text, with "section.key=VALUE" overrides.

    Args:
        text: what a config file holds.
        overrides: values that replace single keys.
        where: the text's place, for messages.

    Raises:
        ConfigError: it is no TOML, or `load` would refuse it.
    """
    try:
        tables = parse_toml(text)
    except ValueError as error:
        raise ConfigError(f"{where}: not TOML: {error}") from error
    config = _build(tables, Config(), where)
    for override in overrides:
        config = _build(_parse(override), config, f"--set {override:.200}")
    config = with_paths(config, user_path)
    check_ranges(config)
    check_loss_options(config, objective(config.objective, config.model.modalities))
    return config


def dumps(config: Config) -> str:
    """The whole config as TOML; `loads` gives it back equal."""
    import tomli_w

    return tomli_w.dumps(asdict(with_paths(config, path_to_text)))


def describe(config: Config) -> str:
    """Every option as "section.key = value", each under a line of its documentation."""
    lines = []
    for section in fields(config):
        lines += _described(section.name, getattr(config, section.name))
    return "\n".join(lines)


def _described(name: str, table: Any) -> list[str]:
    lines = []
    docs = _field_docs(type(table))
    for field in fields(table):
        value = getattr(table, field.name)
        if is_dataclass(value):
            lines += _described(f"{name}.{field.name}", value)
            continue
        text = str(value).lower() if isinstance(value, bool) else repr(value)
        text = str(list(value)) if isinstance(value, tuple) else text
        lines += [f"# {docs[field.name]}", f"{name}.{field.name} = {text}"]
    return lines


def _field_docs(table: type) -> dict[str, str]:
    """The strings under the fields of a dataclass, from its source, since Python keeps none."""
    (body,) = ast.parse(inspect.getsource(table)).body
    assert isinstance(body, ast.ClassDef)
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(body.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def objective(config: ObjectiveConfig, modalities: Sequence[str] | None = None) -> Objective:
    """The preset with the changes that the config makes to it.

    Args:
        config: the options of the objective.
        modalities: those of the model; the preset's own when not given.

    Raises:
        ConfigError: there is no such preset, or it contrasts what the model does not give.
    """
    # A bias and its shares belong to a model's parameters, not to the loss.
    own = ("preset", "bias", "bias_start", "shares")
    given = {name: value for name, value in asdict(config).items() if name not in own}
    changes = {name: value for name, value in given.items() if value != ""}
    scales = changes.get("scales")
    if scales == "one":
        del changes["scales"]
    elif scales is not None and scales not in get_args(Scales):
        words = ", ".join(("one", *get_args(Scales)))
        raise ConfigError(f"objective.scales = {scales!r:.80}: must be one of {words}")
    return replace(preset(config.preset, modalities), **changes)


def _parse(override: str) -> Tables:
    name, sign, text = override.partition("=")
    section, dot, key = name.strip().partition(".")
    if not sign or not dot or not key:
        raise ConfigError(
            f"--set {override:.200}: wanted section.key=VALUE, such as train.steps=100"
        )
    if key.count(".") > _DEEPEST:
        raise ConfigError(f"--set {override:.200}: no option has so many dots")
    value: Any = text.strip()  # a bare word is a text
    try:
        table = parse_toml(f"value = {value}")
        value = table["value"] if len(table) == 1 else value
    except tomllib.TOMLDecodeError:
        pass
    except ValueError as error:
        raise ConfigError(f"--set {override:.200}: {error}") from error
    for part in reversed(key.split(".")[1:]):
        value = {part: value}
    return {section: {key.split(".")[0]: value}}


def _build(tables: Mapping[str, Any], config: Config, where: str) -> Config:
    """`config` with the values of `tables`, each checked against its field's type."""
    sections = {f.name: getattr(config, f.name) for f in fields(config)}
    for section, table in tables.items():
        if section not in sections:
            raise ConfigError(f"{where}: no section {section!r}{nearest(section, sections)}")
        if not isinstance(table, Mapping):
            raise ConfigError(f"{where}: {section} must be a table of keys, not {table!r}")
        sections[section] = _filled(section, table, sections[section], where)
    return replace(config, **sections)


def _filled(name: str, table: Mapping[str, Any], current: Any, where: str) -> Any:
    """The dataclass `current` with the values of `table`."""
    hints = get_type_hints(type(current))
    for key, value in table.items():
        if key not in hints:
            raise ConfigError(
                f"{where}: no key {name}.{key}{nearest(key, hints, prefix=f'{name}.')}"
            )
        if is_dataclass(hints[key]):
            if not isinstance(value, Mapping):
                raise ConfigError(
                    f"{where}: {name}.{key} must be a table of keys, not {value!r:.200}"
                )
            checked = _filled(f"{name}.{key}", value, getattr(current, key), where)
        else:
            checked = _typed(f"{name}.{key}", value, hints[key], where)
            if isinstance(checked, dict):
                checked = {**getattr(current, key), **checked}
        current = replace(current, **{key: checked})
    return current


def _typed(name: str, value: Any, wanted: Any, where: str) -> Any:
    if get_origin(wanted) is Literal:
        if value not in get_args(wanted):
            allowed = ", ".join(map(str, get_args(wanted)))
            raise ConfigError(f"{where}: {name} = {value!r:.200}; must be one of {allowed}")
        return value
    if get_origin(wanted) is tuple:
        if not isinstance(value, list):
            raise ConfigError(f'{where}: {name} must be a list such as ["..."], not {value!r:.200}')
        return tuple(_typed(name, entry, get_args(wanted)[0], where) for entry in value)
    if get_origin(wanted) is Mapping:
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where}: {name} must be a table of keys, not {value!r:.200}")
        kind = get_args(wanted)[1]
        return {key: _typed(f"{name}.{key}", x, kind, where) for key, x in value.items()}
    if get_origin(wanted) is UnionType:  # a number, or a word
        wanted = str if isinstance(value, str) else float
    # A bool is an int to Python, but not to a user.
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not wanted:
        raise ConfigError(
            f"{where}: {name} must be {_NAMES[wanted]}, not {value!r:.200} ({_kind(value)})"
        )
    if wanted is float and not math.isfinite(value):
        raise ConfigError(f"{where}: {name} = {value}; must be finite")
    if wanted is str:
        what = why_no_path(value) if name in PATHS else "" if is_text(value) else "not UTF-8 text"
        if what:
            raise ConfigError(f"{where}: {name} = {value!r:.200} is {what}")
    return value


_NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def _kind(value: Any) -> str:
    return _NAMES.get(type(value), type(value).__name__)
