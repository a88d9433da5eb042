"""`gcl recipes` lists, explains and prints."""

from pathlib import Path

from click.testing import CliRunner

from gcl_cli.main import cli
from gcl_spec.config import toml
from gcl_spec.config.recipe_files import SYSTEMS, objective_names, recipe_names


def test_all_are_explained_in_80_columns() -> None:
    done = CliRunner().invoke(cli, ["recipes"])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert set(recipe_names()) <= set(lines)
    for name in objective_names():
        assert any(line.startswith(f"  -{name} ") for line in lines)
    assert "    optim.lr = 5e-6                  reported for the paper" in lines
    assert "second-hand" in done.stdout


def test_one_is_a_config_file(tmp_path: Path) -> None:
    name = f"{SYSTEMS[0]}-separation"
    done = CliRunner().invoke(cli, ["recipes", name])
    path = tmp_path / "mine.toml"
    path.write_text(done.stdout)
    assert toml.load(path=path) == toml.load(recipe=name)
    assert any(line.startswith("# Needs: model.path") for line in done.stdout.splitlines())


def test_an_unknown_one_is_an_error() -> None:
    done = CliRunner().invoke(cli, ["recipes", "clip-s"])
    assert "did you mean clip-sf" in str(done.exception)
