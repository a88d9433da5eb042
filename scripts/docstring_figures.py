"""Prints how well the public functions of the packages are documented.

python scripts/docstring_figures.py [--folders] [--list]

Of the functions, methods and classes that are public: how many have a docstring; of those that take
or return arrays, how many give every array its shape; of those that state a formula, how many name
its source; of those whose body raises an error, how many have `Raises` or name the error; how many
docstrings begin without a subject, and how many only say "See ...". `--folders` prints a line a
folder, `--list` the places that lack something. Heuristics find formulas and missing subjects
(docstrings/rules.py).
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY / "scripts"))

from docstrings.read import Documented, public  # noqa: E402
from docstrings.rules import (  # noqa: E402
    Rules,
    arrays,
    has_formula,
    has_source,
    says_only_see,
    without_subject,
)

_HEAD = ("", "public", "documented", "with shapes", "sourced", "Raises", "no subject", "only see")


def facts(symbol: Documented, rules: Rules) -> Iterator[tuple[str, bool]]:
    """What is counted of a docstring, and whether it is as it should be."""
    yield "documented", bool(symbol.doc)
    if arrays(symbol):
        yield "with shapes", not list(rules.without_shape(symbol))
    if has_formula(symbol):
        yield "sourced", has_source(symbol)
    if symbol.raises and symbol.name != "command":  # whose docstring is what `gcl --help` shows
        named = all(f"`{name}`" in symbol.doc for name in symbol.raises)
        yield "Raises", named or "Raises" in symbol.sections
    yield "no subject", not without_subject(symbol)
    yield "only see", not says_only_see(symbol)


def figures(every: Iterable[Documented], rules: Rules) -> list[str]:
    """The columns of `_HEAD` after the first for some docstrings."""
    good: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for symbol in every:
        for name, fine in facts(symbol, rules):
            asked[name] += 1
            good[name] += fine
    shares = [
        f"{100 * good[name] // asked[name]} % of {asked[name]}" if asked[name] else "-"
        for name in _HEAD[2:6]
    ]
    return [str(asked["documented"]), *shares, *(str(asked[n] - good[n]) for n in _HEAD[6:])]


def table(rows: list[list[str]]) -> Iterator[str]:
    """Lines of a table, its columns as wide as they must be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *cells in rows:
        padded = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        yield "  ".join((first.ljust(widths[0]), *padded))


def lacking(every: Iterable[Documented], rules: Rules) -> Iterator[str]:
    """A line for each place that lacks something."""
    for symbol in every:
        bad = [name for name, fine in facts(symbol, rules) if not fine]
        notes = [f"no shape: {name}" for name in rules.without_shape(symbol)]
        notes += [f"Args: {text}" for text in rules.misnamed(symbol)]
        if bad or notes:
            said = f" ({', '.join(notes)})" if notes else ""
            yield f"{symbol.where}: {', '.join(bad)}{said}"


def main() -> None:
    """Prints a line a package, or a folder, and one for all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folders", action="store_true", help="a line a folder")
    parser.add_argument("--list", action="store_true", help="the places that lack something")
    options = parser.parse_args()
    every = list(public(REPOSITORY))
    rules = Rules(every)
    groups: dict[str, list[Documented]] = {}
    for symbol in every:
        package = symbol.module.partition(".")[0]
        groups.setdefault(str(Path(symbol.path).parent) if options.folders else package, [])
        groups[str(Path(symbol.path).parent) if options.folders else package].append(symbol)
    rows = [[name, *figures(group, rules)] for name, group in groups.items()]
    print("\n".join(table([list(_HEAD), *rows, ["all", *figures(every, rules)]])))
    if options.list:
        print("\n".join(lacking(every, rules)))


if __name__ == "__main__":
    main()
