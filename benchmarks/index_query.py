"""How long a search of an index by a short text takes, with the encoding of the text.

    python benchmarks/index_query.py INDEX

It prints the first search, which loads the model, the second, and the median of 40 more.
"""

import argparse
import statistics
import time
from pathlib import Path

from gcl_spec.index import open_index


def main() -> None:
    """Search, and print milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index", type=Path)
    index = open_index(parser.parse_args().index)
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
