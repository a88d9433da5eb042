"""Everything that `gcl compare` takes, and what it refuses."""

import json
from pathlib import Path

import pytest

from gcl_spec.errors import CheckpointError, DataError, InputError
from gcl_spec.run.scored import scores_at
from reports import write_report, write_run

RUN = "q0 Q0 a 1 0.5 me\nq0 Q0 b 2 0.4 me\n"


def values(path: Path, column: str = "local hit@10", **more: Path) -> list[float]:
    found, _ = scores_at(path, metric="hit@10", **more)
    (task,) = found.columns[column]
    return list(task.values.values())


def test_runs_seeds_and_reports(tmp_path: Path) -> None:
    assert values(write_run(tmp_path / "run", [1.0, 0.0])) == [1.0, 0.0]
    assert values(tmp_path / "run" / "after.json", "global mrr") == [1.0, 0.0]
    assert values(write_report(tmp_path / "r.json", [0.0, 1.0])) == [0.0, 1.0]
    for seed, one in enumerate((1.0, 0.0)):
        write_run(tmp_path / "seeds" / f"seed-{seed}", [1.0, one])
    assert values(tmp_path / "seeds") == [1.0, 0.5]


def test_a_table_of_a_benchmark(tmp_path: Path) -> None:
    figure = {"task": "OVEN", "column": "local ndcg@10", "per_query": {"q": 0.5}}
    file = tmp_path / "f.json"
    file.write_text(json.dumps({"benchmark": "mixbench", "figures": [figure]}))
    assert values(file, "local ndcg@10") == [0.5]


def test_files_of_trec(tmp_path: Path) -> None:
    run, qrels = tmp_path / "my.txt", tmp_path / "qrels"
    run.write_text(RUN)
    qrels.write_text("q0 0 b 1\nq1 0 a 1\n")
    found, notes = scores_at(run, metric="mrr", qrels=qrels)
    assert found.columns["given mrr"][0].values == {"q0": 0.5, "q1": 0.0}
    assert notes == (f"{run}: 1 of 2 judged queries are missing, and count as 0",)
    with pytest.raises(DataError, match=r"my\.txt: a TREC run needs --qrels FILE"):
        scores_at(run, metric="mrr")
    qrels.write_text("other 0 b 1\n")
    with pytest.raises(InputError, match=r"my\.txt: 1 of its 1 queries, such as 'q0', are not in"):
        scores_at(run, metric="mrr", qrels=qrels)


def test_a_folder_of_trec(tmp_path: Path) -> None:
    for name in ("a%2Fb.global", "a%2Fb.local", "c.local"):
        (tmp_path / f"{name}.run").write_text(RUN)
        (tmp_path / f"{name}.qrels").write_text("q0 0 b 1\n")
    found, _ = scores_at(tmp_path, metric="mrr")
    assert {name: [t.task for t in tasks] for name, tasks in found.columns.items()} == {
        "local mrr": ["a/b", "c"],
        "global mrr": ["a/b"],
    }
    (tmp_path / "c.local.qrels").unlink()
    with pytest.raises(DataError, match=r"c\.local\.qrels"):
        scores_at(tmp_path, metric="mrr")


@pytest.mark.parametrize("content", ["{}", "{", '{"results": [], "geometry": {}}', "{1: 2}"])
def test_files_that_are_no_report(tmp_path: Path, content: str) -> None:
    file = tmp_path / "r.json"
    file.write_text(content)
    with pytest.raises(DataError, match=r"r\.json: .*; wanted a run, a folder of seed-N runs"):
        scores_at(file, metric="hit@10")


def test_what_is_nothing_of_these(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing to compare here; wanted a run"):
        scores_at(tmp_path, metric="hit@10")
    with pytest.raises(DataError, match=r"none: .*[Nn]o such file.*; wanted a run"):
        scores_at(tmp_path / "none", metric="hit@10")
    run = write_run(tmp_path / "run", None)
    with pytest.raises(CheckpointError, match=r"has not ended.*gcl train --resume"):
        scores_at(run, metric="hit@10")
    done = write_run(tmp_path / "done", [1.0])
    (done / "after.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"after\.json: not as it was written"):
        scores_at(done, metric="hit@10")
