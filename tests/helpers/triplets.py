"""Composed triplets in the layouts of VISTA's second stage and of MMEB's training rows."""

import json
from pathlib import Path
from typing import Any

from kinds import png


def write_pictures(folder: Path, count: int) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"p{n}.png" for n in range(count)]
    for n, name in enumerate(names):
        (folder / name).write_bytes(png(n))
    return names


def write_vista(folder: Path, *, edits: int = 5, texts: int = 5, more: Any = ()) -> Path:
    """The two files of the published set, in its keys; answers may stand in a list, or not."""
    pictures = write_pictures(folder, 2 * edits + texts)
    lines = [
        {
            "q_type": "mm_it", "c_type": "image",
            "query": [pictures[2 * n], f"make it {'red' if n % 2 else 'blue'}"],
            "positive": [pictures[2 * n + 1]] if n % 2 else pictures[2 * n + 1],
            "hard_negative": [pictures[0], pictures[1]],
        }
        for n in range(edits)
    ]  # fmt: skip
    (folder / "Image_Edit_307K_filter.jsonl").write_text(as_lines([*lines, *more]))
    lines = [
        {
            "q_type": "text", "c_type": "mm_it", "query": f"what is thing {n}",
            "positive": [pictures[2 * edits + n], f"thing {n} explained"],
            "hard_negative": [[pictures[0], "another"]],
        }
        for n in range(texts)
    ]  # fmt: skip
    (folder / "T2IT.jsonl").write_text(as_lines(lines))
    return folder


def as_lines(records: list[Any]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def write_mmeb(folder: Path, rows: list[tuple[str, str, str, str]]) -> Path:
    """One set; a row is the text and the path of a query, and those of its right answer."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = ("qry", "qry_image_path", "pos_text", "pos_image_path")
    table = {name: [row[n] for row in rows] for n, name in enumerate(columns)}
    table |= {"neg_text": ["no"] * len(rows), "neg_image_path": [""] * len(rows)}
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(table), folder / "original-00000-of-00001.parquet")
    return folder
