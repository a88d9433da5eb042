"""`gcl index` and `gcl search`, in this process."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image

from called import call
from gcl_cli.index import command as index_command
from gcl_cli.search import command as search_command
from gcl_spec.errors import CheckpointError, ConfigError, DataError, InputError
from indexed import write_folder
from trained import trained_run


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run and an index of a folder."""
    path: Path = tmp_path_factory.mktemp("cli")
    trained_run(path / "run")
    data = write_folder(path / "data")
    (data / "torn.jpg").write_bytes(b"torn")
    shutil.copy(data / "green.png", data / "copy.png")
    out = indexed(path / "run", data, "--out", path / "ix")
    assert out.stdout.splitlines() == [
        "5 added, 1 left out",
        f"5 items in {path / 'ix'}: 3 image, 1 text, 1 image+text",
    ]
    assert ": torn.jpg: not a readable picture" in out.stderr
    return path


def indexed(*args: object) -> Result:
    return call(index_command, *args, "--device", "cpu", "--allow-unverified")


def searched(*args: object) -> Result:
    return call(search_command, *args, "--device", "cpu", "--allow-unverified")


def test_a_search_prints_and_writes_its_hits(place: Path, tmp_path: Path) -> None:
    picture = place / "data" / "red.png"
    out = searched(
        place / "ix", "--image", picture, "--text", "a red tile", "-k", 3, "--only",
        "image,image+text", "--json", tmp_path / "hits.json", "--sheet", tmp_path / "hits.png",
    )  # fmt: skip
    lines = out.stdout.splitlines()
    assert len(lines) == 3
    assert lines[0] == f'  1  1.0000  image+text  red.png  "a red tile"  {picture}'
    record = json.loads((tmp_path / "hits.json").read_text())
    assert [hit["rank"] for hit in record["hits"]] == [1, 2, 3]
    assert record["hits"][0]["path"] == str(picture)
    with Image.open(tmp_path / "hits.png") as sheet:
        assert sheet.format == "PNG"


def test_an_index_says_what_it_holds(place: Path) -> None:
    lines = indexed(place / "ix", "--check").stdout.splitlines()
    assert lines[0].endswith("3 image, 1 text, 1 image+text")
    assert lines[1].startswith("model      run, step 3 (")
    assert any(f"items of   {place / 'data'} (pictures)" in line for line in lines)
    assert any("MB in 1 fragments" in line for line in lines)
    near = indexed(place / "ix", "--duplicates", "--least", 0.999).stdout.splitlines()
    assert near == [
        "1  2 of image, 1.0000 or more",
        "   copy.png",
        "   green.png",
        "1 groups of items with a score of 0.999 or more",
    ]


def test_an_index_is_updated_and_emptied(place: Path, tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data")
    indexed(place / "run", data, "--out", tmp_path / "ix", "--dtype", "float16")
    (data / "blue.png").unlink()
    out = indexed(tmp_path / "ix", "--update", "--run", place / "run").stdout
    assert out.splitlines() == ["3 unchanged, 1 removed"]
    out = indexed(tmp_path / "ix", "--delete", "red.png", "--delete", "no").stdout
    assert out.splitlines() == ["1 of 2 ids deleted"]
    assert len(searched(tmp_path / "ix", "--like", "green.png").stdout.splitlines()) == 1


def test_all_that_was_left_out_is_written(place: Path, tmp_path: Path) -> None:
    data, file = write_folder(tmp_path / "data"), tmp_path / "done.json"
    for n in range(9):
        (data / f"torn-{n}.jpg").write_bytes(b"torn")
    out = indexed(place / "run", data, "--out", tmp_path / "ix", "--json", file)
    assert "left out: 4 more" in out.stderr
    assert "--json FILE has all" in out.stderr
    (found,) = json.loads(file.read_text())["places"]
    assert (found["added"], found["left out"], len(found["absent"])) == (4, 9, 9)
    assert "not a readable picture" in found["absent"]["torn-8.jpg"]
    (data / "torn-0.jpg").unlink()
    indexed(tmp_path / "ix", "--update", "--run", place / "run", "--json", file)
    (found,) = json.loads(file.read_text())["places"]
    assert (found["unchanged"], len(found["absent"])) == (4, 8)
    with pytest.raises(ConfigError, match="--json is for what is added"):
        indexed(tmp_path / "ix", "--check", "--json", file)


def test_an_index_of_bits_says_that_scores_are_approximate(place: Path, tmp_path: Path) -> None:
    run, data = place / "run", place / "data"
    indexed(run, data, "--out", tmp_path / "ix", "--dtype", "binary")
    out = searched(tmp_path / "ix", "--like", "green.png", "--json", tmp_path / "hits.json")
    assert out.stdout.splitlines()[0].startswith("  1  1.0000  image ")
    assert out.stderr == "scores are approximate: the index holds binary codes alone\n"
    assert json.loads((tmp_path / "hits.json").read_text())["codes"] == "binary"
    lines = indexed(tmp_path / "ix", "--check").stdout.splitlines()
    assert "numbers of binary; calibrations: none" in lines[2]
    assert lines[-1].startswith("searches   compare all binary codes; no whole rows are kept")
    with pytest.raises(ConfigError, match=r"--dtype binary, and cannot go on with --dtype int8"):
        indexed(run, data, "--out", tmp_path / "ix", "--dtype", "int8")
    indexed(run, data, "--out", tmp_path / "both", "--dtype", "binary", "--rescore", "float16")
    lines = indexed(tmp_path / "both", "--check").stdout.splitlines()
    assert "numbers of binary, and whole rows of float16; calibrations" in lines[2]
    assert lines[-1].startswith("searches   are approximate: recall@10 1.000 against exact ones")
    assert searched(tmp_path / "both", "--like", "green.png").stderr == ""


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["run", "data", "--out", "x", "--dtype", "int8"], "100 items or more, and here are 5"),
        (["run", "data", "--out", "x", "--rescore", "float16"], "keeps rows beside codes"),
        (["run", "data"], "name the index: gcl index RUN DATA --out INDEX"),
        (["ix", "--out", "x"], "give RUN DATA --out INDEX, or INDEX alone"),
        (["run", "empty", "--out", "x"], "holds no picture and no text"),
        (["run", "nothing", "--out", "x"], "nothing"),
        (["run", "data", "--out", "data"], "is not empty and holds no index"),
        (["run", "data", "--out", "x", "--calibration", "mean"], "has no calibration 'mean'"),
        (["run", "data", "--out", "x", "--set", "model.width=3"], "only options of data"),
        (["data"], "is no index"),
        (["old"], "another version"),
    ],
)  # fmt: skip
def test_what_cannot_be_indexed_is_said(
    place: Path, args: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    (place / "empty").mkdir(exist_ok=True)
    (place / "old").mkdir(exist_ok=True)
    (place / "old" / "index.json").write_text('{"format": "gcl-spec/index-0"}')
    with pytest.raises((CheckpointError, ConfigError, DataError), match=said):
        indexed(*args)
    assert not (place / "x").exists()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["data", "--text", "a"], "is no index"),
        (["ix"], "give a picture, a text or both"),
        (["ix", "--image", "data/torn.jpg"], "torn.jpg: not a readable picture"),
        (["ix", "--text", "a" * 100_001], "100,001 characters"),
        (["ix", "--text", "a", "--only", "pictures"], "no modality 'pictures'"),
        (["ix", "--text", "a", "--sheet", "a.jpg"], "name a .png file"),
        (["ix", "--text", "a", "--run", "nothing"], "is not at nothing"),
        (["ix", "--like", "x"], "has no item 'x'"),
    ],
)
def test_what_cannot_be_searched_is_said(
    place: Path, args: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    with pytest.raises((ConfigError, DataError, InputError), match=said):
        searched(*args)


def test_a_home_that_the_shell_left_is_found(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in `make search DIR=~/Pictures`, where some shells leave the `~`."""
    monkeypatch.setenv("HOME", str(place))
    out = indexed("~/run", "~/data", "--out", "~/ix")
    assert out.stdout.splitlines()[0] == "5 unchanged, 1 left out"


@pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local")
def test_a_copy_on_a_server(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qdrant_client import QdrantClient

    client = QdrantClient(":memory:")  # the client's local mode, which needs no server
    monkeypatch.setattr("gcl_spec.index.qdrant.connect", lambda address: client)
    store = ("--store", "qdrant://search.example/tiles")
    for counts in ("5 written, 0 unchanged", "0 written, 5 unchanged"):
        out = indexed(place / "ix", *store)
        end = "0 removed: http://search.example:6333, collection tiles"
        assert out.stdout.splitlines() == [f"{counts}, {end}"]
    words = ("--text", "a green tile", "-k", 3)
    assert searched(place / "ix", *words, *store).stdout == searched(place / "ix", *words).stdout
    with pytest.raises(ConfigError, match="give RUN DATA --out INDEX, or INDEX alone"):
        indexed(place / "run", place / "data", "--out", place / "other", *store)
    assert not (place / "other").exists()
