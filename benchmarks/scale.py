"""What an index of N items takes, computed: bytes, memory, hours; docs/scale.md has the tables.

    python benchmarks/scale.py

Nothing is measured here. A vector has D numbers of b bytes. Beside it an item has its id, path,
hash and text, whose bytes depend on the data: OTHER stands for them. Embedding N items at r items a
second on each of m machines takes N / (3600 m r) hours.
"""

ITEMS = (10**5, 10**6, 10**7, 10**8, 10**9)
WIDTHS = (256, 512)
BYTES = {"float32": 4.0, "float16": 2.0, "int8": 1.0, "binary": 1 / 8}
KEPT = (*((name,) for name in BYTES), ("int8", "float16"), ("binary", "float16"))
"""What an index stores: rows or codes, or codes with whole rows beside them (`--rescore`)."""
OTHER = 300
"""Bytes of an item beside its vector: an id and a path of 40 letters each, a hash of 64, a text of
some 150."""
RATES = (30, 1000)
MACHINES = (1, 8)


def size(count: float) -> str:
    """Bytes in the largest unit of which there is one at least.

    >>> size(1.5e9)
    '1.5 GB'
    """
    for unit, one in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= one:
            return f"{count / one:,.1f} {unit}"
    return f"{count / 1e3:,.1f} kB"


def hours(count: float) -> str:
    """Hours in days, hours or minutes.

    >>> hours(0.5)
    '30 min'
    """
    if count >= 48:
        return f"{count / 24:,.0f} days"
    return f"{count:,.1f} h" if count >= 1 else f"{60 * count:,.0f} min"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table of Markdown."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def tables() -> list[str]:
    """The three tables: vectors, the index on the disk, hours of embedding."""
    forms = [(width, name) for width in WIDTHS for name in BYTES]
    counts = [f"{n:,}" for n in ITEMS]
    vectors = [
        [f"{width} x {name}", f"{width * BYTES[name]:,.0f}",
         *(size(n * width * BYTES[name]) for n in ITEMS)] for width, name in forms
    ]  # fmt: skip
    disk = [
        [f"{width} x {' + '.join(kept)}",
         *(size(n * (width * sum(BYTES[name] for name in kept) + OTHER)) for n in ITEMS)]
        for width in WIDTHS for kept in KEPT
    ]  # fmt: skip
    times = [
        [f"{rate:,} items/s, {machines} machine{'s' if machines > 1 else ''}",
         *(hours(n / (3600 * rate * machines)) for n in ITEMS)]
        for rate in RATES for machines in MACHINES
    ]  # fmt: skip
    return [
        table(["vectors", "bytes each", *counts], vectors),
        table(["index on the disk", *counts], disk),
        table(["embedding", *counts], times),
    ]


def main() -> None:
    """Print the tables."""
    print("\n\n".join(tables()))


if __name__ == "__main__":
    main()
