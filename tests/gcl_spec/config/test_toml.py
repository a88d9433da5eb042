"""Recipes, overrides, and errors that name the key."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcl_spec.config import toml
from gcl_spec.config.options import ColumnsConfig, Config
from gcl_spec.errors import ConfigError


@pytest.mark.parametrize("name", toml.recipe_names())
def test_recipes_load(name: str) -> None:
    kinds = {"adapter": "adapter", "lite": "lite", "vista": "vista"}
    kind = kinds.get(name.partition("-")[0], "clip")
    assert toml.load(recipe=name).model.kind == kind


# No file's name holds NUL.
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(st.integers(1, 10**9), st.floats(1e-12, 1.0), st.booleans(), NAMES)
def test_toml_gives_the_config_back(steps: int, lr: float, learn: bool, cache: str) -> None:
    config = Config()
    config = replace(
        config,
        train=replace(config.train, steps=steps),
        optim=replace(config.optim, lr=lr, learn_scale=learn),
        data=replace(config.data, cache=cache),
    )
    assert toml.loads(toml.dumps(config)) == config


def test_overrides() -> None:
    sets = ["train.steps=7", "optim.lr=1", "data.path=a b", "model.freeze=none"]
    config = toml.load(recipe="lite", overrides=sets)
    assert config.train.steps == 7
    assert config.optim.lr == 1.0
    assert isinstance(config.optim.lr, float)
    assert config.data.path == "a b"
    assert config.model.freeze == "none"


def test_lists_come_back() -> None:
    config = toml.loads("", ["train.loggers=['wandb', 'tensorboard']"])
    assert config.train.loggers == ("wandb", "tensorboard")
    assert toml.loads(toml.dumps(config)) == config
    assert "train.loggers = []" in toml.describe(Config())


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.stpes=7", "did you mean train.steps?"),
        ("trian.steps=7", "did you mean train?"),
        ("train.steps", "wanted section.key=VALUE"),
        ("train.steps=1.5", "must be a whole number, not 1.5 (a number)"),
        ("train.steps=true", "must be a whole number, not True (true or false)"),
        ("optim.learn_scale=1", "must be true or false"),
        ("optim.lr=nan", "must be finite"),
        ("optim.lr=0", "must be above 0"),
        ("optim.lr=1e38", "must be at most 1e+30"),
        ("optim.tower_lr=1e300", "must be at most 1e+30"),
        ("optim.weight_decay=1e300", "must be at most 1e+06"),
        ("train.batch_size=0", "must be at least 1"),
        ("train.seed=-1", "must not be negative"),
        ("optim.beta2=1.0", "must be in [0, 1)"),
        ("model.fuse=sum", "must be one of raw, unit"),
        ("model.image_size=8", "must be at least 32"),
        ("model.max_tokens=600", "must be 3 to 512"),
        ("optim.scale=200", "above optim.max_scale"),
        ("objective.preset=glc", "there are gcl"),
        ("objective.pool=some", "must be one of all, target"),
        ("optim.skip_nonfinite=-1", "must not be negative"),
        ("train.keep_best=true", "set train.eval_every"),
        ("train.loggers=wandb", "must be a list"),
        ("train.loggers=['wand']", "must be one of tensorboard, wandb"),
    ],
)
def test_errors_name_the_key(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        toml.load(recipe="lite-clip", overrides=["optim.learn_scale=true", override])
    assert message in str(caught.value)


def test_files(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text("[train]\nsteps = 3\n")
    bad.write_text("[train\n")
    assert toml.load(path=good).train.steps == 3
    with pytest.raises(ConfigError, match=r"bad\.toml: not TOML"):
        toml.load(path=bad)
    with pytest.raises(ConfigError, match="cannot read"):
        toml.load(path=tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="did you mean lite"):
        toml.load(recipe="lit")
    with pytest.raises(ConfigError, match="must be a table"):
        toml.loads("train = 3")


def test_columns_are_a_table_in_the_table() -> None:
    config = toml.loads("[data.columns]\ntext = 'alt'\n", ["data.columns.image=jpg"])
    assert config.data.columns == ColumnsConfig(image="jpg", text="alt")
    assert toml.loads(toml.dumps(config)) == config
    assert "data.columns.text = 'caption'" in toml.describe(Config())
    for override, message in {
        "data.columns.txt=x": "no key data.columns.txt; did you mean data.columns.text?",
        "data.columns=x": "data.columns must be a table of keys",
        "data.columns.text=3": "data.columns.text must be a text",
        "data.max_bad=1": "must be in [0, 1)",
        "data.workers=-1": "must not be negative",
    }.items():
        with pytest.raises(ConfigError) as caught:
            toml.loads("", [override])
        assert message in str(caught.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (f"train.steps={'9' * 6000}", "too many digits"),
        (f"train.steps=0x{'f' * 6000}", "more than 64 bits"),
        ("optim.lr=9223372036854775808", "more than 64 bits"),
        (f"data.path={'[' * 5000}", "nested too deeply"),
        (f"train.steps={'[' * 50}{']' * 50}", "nested too deeply"),
        (f"train.steps{'.a' * 5000}=1", "no option has so many dots"),
        ("train.steps=3\nwidth = 7", "must be a whole number"),
        ('data.path="a\\u0000b"', "holds NUL"),
        (f"model.path={'a' * 5000}", "it has 5,000 bytes"),
        (f"data.cache={'a/' * 2500}", "it has 5,000 bytes"),
    ],
)
def test_no_value_is_too_much(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        toml.loads("", [override])
    assert len(str(caught.value)) < 1000
    name, _, value = override.partition("=")
    if not value.startswith(("a", "[[[")):
        (tmp_path / "c.toml").write_text(f"{name} = {value}")
        with pytest.raises(ConfigError, match=r"c\.toml"):
            toml.load(path=tmp_path / "c.toml")


def test_a_config_that_is_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "zeros.toml").symlink_to("/dev/zero")
    with (tmp_path / "long.toml").open("wb") as file:
        file.truncate(2**33)
    for name, message in {"pipe": "a pipe", "zeros": "a device", "long": "8,589.9 MB"}.items():
        with pytest.raises(ConfigError, match=message):
            toml.load(path=tmp_path / f"{name}.toml")
