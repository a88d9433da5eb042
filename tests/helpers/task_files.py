"""A retrieval task of one query, as files."""

from pathlib import Path

QUERY, CANDIDATE, PAIR = '{"id": "q", "text": "a"}', '{"id": "c", "image": "c.png"}', "q\tc"


def write_task(
    folder: Path, queries: str = QUERY, candidates: str = CANDIDATE, qrels: str = PAIR
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "queries.jsonl").write_text(queries)
    (folder / "candidates.jsonl").write_text(candidates)
    (folder / "qrels.tsv").write_text(qrels)
