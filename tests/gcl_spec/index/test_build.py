"""An index is made of what a user names, and follows it."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from gcl_spec.errors import ConfigError, DataError, StoppedError
from gcl_spec.index import adding, build, model
from gcl_spec.index.build import Asked, add_data, follow
from gcl_spec.index.model import Model
from gcl_spec.index.used import Used
from indexed import model_of, opened, write_folder
from loop_config import Said


@pytest.fixture(autouse=True)
def _models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir()

    def load(path: Path, used: Used, *, dtype: str, calibrations: object) -> Model:
        return model_of(tmp_path)

    for module in (build, model):
        monkeypatch.setattr(module, "load_model", load)


def test_all_places_are_followed(tmp_path: Path) -> None:
    out, said = tmp_path / "ix", Said()
    for name in ("a", "b"):
        data = write_folder(tmp_path / name)
        asked = Asked(str(data), prefix=f"{name}/")
        assert add_data(tmp_path / "run", asked, out, Used(), said).added == 4
    assert not said.lines
    (tmp_path / "a" / "red.png").unlink()
    (tmp_path / "b" / "list.csv").write_text("")
    Image.new("RGB", (8, 8), (9, 99, 9)).save(tmp_path / "b" / "new.png")
    first, second = follow(None, out, Used(), said)
    # Its caption is now a text alone.
    assert (first.added, first.removed, first.same) == (1, 1, 3)
    assert (second.added, second.removed, second.same) == (1, 0, 4)
    assert said.lines == ["note: files that are no pictures and no texts are left out: 1 .csv"]
    assert opened(out).get("a/red.txt").modality == "text"


def test_a_place_that_is_away_keeps_its_items_and_stops_no_other(tmp_path: Path) -> None:
    out = tmp_path / "ix"
    for name in ("a", "b", "c"):
        data = write_folder(tmp_path / name)
        add_data(tmp_path / "run", Asked(str(data), prefix=f"{name}/"), out, Used(), Said())
    (tmp_path / "a").rename(tmp_path / "away")
    (tmp_path / "b" / "red.png").unlink()
    shutil.rmtree(tmp_path / "c")
    (tmp_path / "c").mkdir()
    done = follow(None, out, Used(), Said())
    assert next(done).removed == 1
    with pytest.raises(DataError, match=r"no folder .*/a; .*; its items stay, .* 1 other places"):
        next(done)
    assert opened(out).get("b/red.txt").modality == "text"
    assert len(opened(out)) == 12


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    out, data = tmp_path / "ix", write_folder(tmp_path / "data")
    asked = Asked(str(data))
    with pytest.raises(ConfigError, match="is no index yet; name the run"):
        add_data(None, asked, out, Used(), Said())
    add_data(tmp_path / "run", asked, out, Used(), Said())
    assert add_data(None, asked, out, Used(), Said()).same == 4
    with pytest.raises(ConfigError, match=r"with --dtype float32, and .* with --dtype float16"):
        add_data(None, asked, out, Used(), Said(), dtype="float16")
    with pytest.raises(ConfigError, match="was made with calibration none, not mean"):
        add_data(None, asked, out, Used(), Said(), calibrations=["mean"])
    (tmp_path / "run").rmdir()
    with pytest.raises(ConfigError, match=r"the run of .*tiles, step 0 .*; name its place with"):
        add_data(None, asked, out, Used(), Said())
    opened(out).delete([x.id for x in opened(out).search(text="a", k=9)])
    opened(out).add([{"id": "one", "text": "a"}])
    (tmp_path / "run").mkdir()
    data.rename(tmp_path / "moved")
    with pytest.raises(DataError, match="was it moved"):
        list(follow(None, out, Used(), Said()))
    assert len(opened(out)) == 1


def test_an_interrupted_index_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, asked = tmp_path / "ix", Asked(str(write_folder(tmp_path / "data")))
    monkeypatch.setattr(build, "Adding", lambda *a, **more: adding.Adding(*a, size=2))
    hash_of, calls = adding.hash_of, []

    def interrupted(*args: object) -> str:
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return hash_of(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(adding, "hash_of", interrupted)
    with pytest.raises(StoppedError, match=r"stopped; 2 items were added to .* goes on") as error:
        add_data(tmp_path / "run", asked, out, Used(), Said())
    assert error.value.exit_code == 130
    done = add_data(tmp_path / "run", asked, out, Used(), Said())
    assert (done.added, done.same) == (2, 2)
