"""`gcl embed` and `gcl eval --embeddings`, in this process."""

import json
from pathlib import Path

import pytest
from click.testing import Result

from called import call
from gcl_cli.embed import command as embed_command
from gcl_cli.eval import command as eval_command
from gcl_spec.errors import ConfigError, DataError
from goldens import GOLDENS
from tiles_on_disk import write_data
from trained import trained_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("trained") / "run"
    trained_run(path)
    return path


def embed(run: Path, *args: object) -> Result:
    return call(embed_command, run, *args, "--device", "cpu", "--allow-unverified")


def evaluated(*args: object) -> Result:
    return call(eval_command, *args, "--device", "cpu", "--allow-unverified")


def figures(path: Path) -> list[tuple[str, str, list[float]]]:
    found = json.loads(path.read_text())["figures"]
    return [(x["task"], x["column"], x["band"]) for x in found]


def test_stored_rows_have_the_figures_of_the_model(run: Path, tmp_path: Path) -> None:
    golden, rows = GOLDENS / "mixbench", tmp_path / "rows"
    options = ("--benchmark", "mixbench")
    out = embed(run, golden, rows, *options, "--shard", 7).output
    assert "rows of width 64" in out
    evaluated(run, "--data", golden, *options, "--json", tmp_path / "model.json")
    shown = evaluated(run, "--embeddings", rows, "--json", tmp_path / "rows.json").output
    assert "PARTIAL" not in shown
    assert figures(tmp_path / "rows.json") == figures(tmp_path / "model.json")
    out = evaluated("--embeddings", rows, "--benchmark", "mmeb").output
    assert "was embedded with --benchmark mixbench" in out
    assert (
        "without --instructions on"
        in evaluated("--embeddings", rows, "--instructions", "on").output
    )


def test_a_partial_evaluation_says_so(run: Path, tmp_path: Path) -> None:
    data, rows = write_data(tmp_path / "data"), tmp_path / "rows"
    (data / "3.png").unlink()
    out = embed(run, data, rows).output
    assert "1 of 16 items have no row" in out
    shown = evaluated("--embeddings", rows, "--json", tmp_path / "found.json").output
    assert "percent; PARTIAL, items are absent" in shown
    said = "partial: task t2i is without 1 of 8 candidates (c3): absent"
    assert said in shown
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["partial"] == [said]
    assert {x["candidates"] for x in found["results"]} == {7}
    assert found["results"][0]["per_query"]["hit@10"]["q3"] == 0
    with (data / "tasks" / "t2i" / "queries.jsonl").open("a") as file:
        file.write('{"id": "new", "text": "new"}\n')
    with (data / "tasks" / "t2i" / "qrels.tsv").open("a") as file:
        file.write("new\tc0\n")
    with pytest.raises(DataError, match=r"made of other data: 1 of 9 items .* such as 'new'"):
        evaluated("--embeddings", rows)


def test_another_model_is_refused_by_both_names(run: Path, tmp_path: Path) -> None:
    data, rows = write_data(tmp_path / "data"), tmp_path / "rows"
    embed(run, data, rows)
    other = tmp_path / "other"
    trained_run(other, "train.seed=1")
    both = r"embeddings of run, step 3 \(\w{12}\), not of other, step 3 \(\w{12}\)"
    with pytest.raises(DataError, match=both) as caught:
        evaluated(other, "--embeddings", rows)
    assert caught.value.exit_code == 2
    with pytest.raises(DataError, match=both):
        embed(other, data, rows)


def test_arguments_that_do_not_fit(run: Path, tmp_path: Path) -> None:
    data, rows = write_data(tmp_path / "data"), tmp_path / "rows"
    with pytest.raises(ConfigError, match="is for --benchmark mbeir"):
        embed(run, data, rows, "--instructions", "on")
    with pytest.raises(ConfigError, match=r"only options of data\.\* and eval\.\*"):
        embed(run, data, rows, "--set", "train.steps=3")
    with pytest.raises(ConfigError, match="a --benchmark has tasks"):
        embed(run, data, rows, "--benchmark", "mmeb", "--items", "train")
    assert "Missing argument 'RUN'" in evaluated("--data", data).output
    with pytest.raises(DataError, match="no folder of embeddings"):
        evaluated("--embeddings", data)
    embed(run, data, rows, "--items", "train")
    with pytest.raises(DataError, match="--items tasks"):
        evaluated("--embeddings", rows)
