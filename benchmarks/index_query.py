"""How long a search of an index by a short text takes, with the encoding of the text.

    python benchmarks/index_query.py INDEX

It prints the first search, which loads the model, the second, and the median of 40 more; and how
long a new Python takes to import this package, open the index and search by an item of it, which
needs no model (median of 5).
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from gcl_spec.index import open_index

START = """
import sys
import gcl_spec
index = gcl_spec.open_index(sys.argv[1])
index.search(like=sys.argv[2])
"""


def started(index: Path, name: str) -> float:
    """Milliseconds of a process that searches once by an item."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", START, index, name], check=True)
    return 1e3 * (time.perf_counter() - begun)


def main() -> None:
    """Search, and print milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index", type=Path)
    path = parser.parse_args().index
    index = open_index(path)
    starts = [started(path, index.sample(1)[0][0].id) for _ in range(5)]
    print(f"a new process and its first search by an item: {statistics.median(starts):,.0f} ms")
    times = []
    for number in range(42):
        start = time.perf_counter()
        index.search(text=f"a red thing {number}")
        times.append(1e3 * (time.perf_counter() - start))
    print(
        f"{len(index):,} items: first {times[0]:,.0f} ms, second {times[1]:.0f} ms, "
        f"median {statistics.median(times[2:]):.1f} ms"
    )


if __name__ == "__main__":
    main()
