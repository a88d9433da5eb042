"""`gcl serve`: says where the page is, and refuses what cannot be served in one line."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from gcl_cli.main import cli
from gcl_spec.index import Index
from indexed import added, opened, write_folder


@pytest.fixture
def index(tmp_path: Path) -> Path:
    added(tmp_path / "tiles.index", write_folder(tmp_path / "data"))
    return tmp_path / "tiles.index"


@pytest.mark.parametrize(
    ("words", "warned"),
    [((), False), (("--host", "localhost"), False), (("--host", "0.0.0.0"), True)],
)
def test_it_says_where_the_page_is(
    index: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], warned: bool
) -> None:
    def serve(found: Index, *, host: str, port: int, ready: Callable[[str], None]) -> None:
        assert port == 7
        assert host == (words[1] if words else "127.0.0.1")
        ready(f"http://{host}:{port}/")

    monkeypatch.setattr("gcl_spec.index.open_index", lambda path, **more: opened(path))
    monkeypatch.setattr("gcl_spec.serve.server.serve", serve)
    done = CliRunner().invoke(cli, ["serve", str(index), "--port", "7", *words])
    assert done.exit_code == 0, done.output
    assert "tiles.index, 4 items, is at http://" in done.stdout
    assert ("whoever reaches 0.0.0.0 sees what is in" in done.stderr) is warned


def test_an_index_without_its_run_is_one_line(index: Path) -> None:
    done = CliRunner().invoke(cli, ["serve", str(index), "--port", "0"])
    assert done.exit_code != 0
    assert "name its place with --run" in str(done.exception)
    done = CliRunner().invoke(cli, ["serve", str(index.parent), "--port", "0"])
    assert done.exit_code != 0
    assert str(index.parent) in str(done.exception)
