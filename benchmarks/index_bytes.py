"""The bytes of a vector of an index on the disk, measured; docs/scale.md has the table.

    python benchmarks/index_bytes.py --items 50000 --width 512

For each form a table of an index gets random unit rows in commits of 2,048, and its small files are
merged, as `gcl index` does. What the items take without vectors is that of a table without any.
"""

import argparse
import tempfile
import warnings
from datetime import timedelta
from pathlib import Path

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.embed.maker import Maker
from gcl_spec.index.about import About
from gcl_spec.index.coding import Codes
from gcl_spec.index.fitting import fitted
from gcl_spec.index.table import Row, Table, create_table, make_table

COMMIT = 2048
FORMS = {
    "float32": ("float32", None),
    "float16": ("float16", None),
    "int8": ("float32", Codes("int8")),
    "binary": ("float32", Codes("binary")),
    "int8 --rescore float16": ("float32", Codes("int8", "float16")),
    "binary --rescore float16": ("float32", Codes("binary", "float16")),
}


def rows_of(items: int) -> list[Row]:
    """Items with an id, a path and a hash, and no text."""
    names = [f"folder/picture{n:08}.jpg" for n in range(items)]
    return [Row(name, "image", None, name, 0, f"{n:032x}") for n, name in enumerate(names)]


def fill(table: Table, rows: list[Row], rows_ND: FloatArray) -> int:
    """Put rows (N, D) of N items into a table; the bytes of its files of data."""
    for start in range(0, len(rows), COMMIT):
        part = slice(start, start + COMMIT)
        vectors = dict.fromkeys(table.columns, rows_ND[part])
        table.put(rows[part], table.encoded(vectors), replaces=False)
    warnings.simplefilter("ignore", UserWarning)  # no other process reads it
    table.lance.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)
    files = (table.folder / "items.lance" / "data").iterdir()
    return sum(x.stat().st_size for x in files)


def main() -> None:
    """Measure every form and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--width", type=int, default=512)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    rows_ND = rng.normal(size=(args.items, args.width)).astype(np.float32)
    rows_ND /= np.linalg.norm(rows_ND, axis=1, keepdims=True)
    rows = rows_of(args.items)
    with tempfile.TemporaryDirectory() as folder:
        create_table(Path(folder), {}, "float32")
        bare = fill(Table(Path(folder), {}, "float32"), rows, rows_ND)
    print(f"| {args.width} numbers as | bytes of a vector |\n| --- | --: |")
    for name, (dtype, codes) in FORMS.items():
        maker = Maker("random rows", "0" * 64, "0" * 64, "none", dtype, COMMIT)
        about = fitted(About(maker, args.width, "", {}, codes=codes), rows_ND)
        with tempfile.TemporaryDirectory() as folder:
            size = fill(make_table(Path(folder), about), rows, rows_ND)
        print(f"| {name} | {(size - bare) / args.items:,.1f} |", flush=True)
    print(f"\nItems without vectors: {bare / args.items:,.1f} bytes each.")


if __name__ == "__main__":
    main()
