"""Changes one thing at a time in a module, and sees whether the tests that hold it notice.

python scripts/mutate.py [MODULE ...] [--count 300] [--seed 0] [--near N] [--timeout 120]
    [--json FILE]

It draws `count` mutants of the modules (default: all of scripts/mutation/held_by.py), each with one
comparison, operator, constant, argument, branch, bound or statement changed, in a copy of the tree.
A mutant that passes the tests has survived, and is shown: write a test for it, or, where no input
can tell it from the original, list it with the reason in scripts/mutation/equivalent.txt, which
leaves it out from then on. The exit code is 1 where one has survived. With `--near` only the first
files of a module's tests run: what they kill is killed, and the others are fewer.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY / "scripts"))

from mutation.held_by import TESTS  # noqa: E402
from mutation.mutants import Mutant, mutants  # noqa: E402
from mutation.run import copy_of, load, outcome  # noqa: E402

_EQUIVALENT = REPOSITORY / "scripts" / "mutation" / "equivalent.txt"


def equivalents() -> set[str]:
    """The lines "MODULE | BEFORE -> AFTER" of mutants that change nothing that can be seen."""
    lines = _EQUIVALENT.read_text().splitlines()
    return {line.strip() for line in lines if line.strip() and not line.startswith(("#", " "))}


def drawn(modules: Sequence[str], count: int, seed: int) -> tuple[list[Mutant], int]:
    """At most `count` mutants, module by module, and how many of the draw are equivalent."""
    every = [m for name in modules for m in mutants(name, (REPOSITORY / name).read_text())]
    chosen = every if count >= len(every) else random.Random(seed).sample(every, count)
    known = equivalents()
    left = [mutant for mutant in chosen if mutant.name not in known]
    order = {name: place for place, name in enumerate(modules)}
    left.sort(key=lambda mutant: (order[mutant.module], mutant.line))
    return left, len(chosen) - len(left)


def results(
    chosen: Sequence[Mutant], scratch: Path, seconds: float, near: int | None = None
) -> Iterator[tuple[Mutant, str]]:
    """Each mutant with "killed", "survived" or "timed out".

    Raises:
        SystemExit: tests that fail without any change.
    """
    for name in dict.fromkeys(mutant.module for mutant in chosen):
        log, file, tests = scratch / "log", scratch / name, TESTS[name][:near]
        original, started = file.read_text(), time.monotonic()
        if outcome(tests, 20 * seconds, log) != "passed":
            raise SystemExit(f"{log.read_text()[-2000:]}\nthe tests of {name} fail as it is")
        # A mutant may well be slower than the module; one that hangs is no survivor.
        limit = max(seconds, 4 * (time.monotonic() - started))
        for mutant in chosen:
            if mutant.module == name:
                file.write_text(mutant.source)
                ending = outcome(tests, limit, log)
                yield mutant, {"passed": "survived", "failed": "killed"}.get(ending, ending)
        file.write_text(original)


def table(outcomes: Sequence[tuple[Mutant, str]]) -> str:
    """A table with a row for each module."""
    kinds = ("killed", "survived", "timed out")
    counts = Counter((mutant.module, kind) for mutant, kind in outcomes)
    rows = [f"| module | {' | '.join(kinds)} |", "|---|--:|--:|--:|"]
    for name in dict.fromkeys(mutant.module for mutant, _ in outcomes):
        cells = (str(counts[name, kind]) for kind in kinds)
        rows.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> None:
    """Prints survivors as they are found, then the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("modules", nargs="*", metavar="MODULE")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--near", type=int, metavar="N", help="only N test files a module")
    parser.add_argument("--timeout", type=float, default=120, help="seconds a mutant, at least")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    modules = options.modules or list(TESTS)
    if unknown := set(modules) - set(TESTS):
        parser.error(f"no tests are known for {', '.join(sorted(unknown))}; see held_by.py")
    chosen, equivalent = drawn(modules, options.count, options.seed)
    out = None if options.json is None else options.json.resolve()
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder).resolve()
        copy_of(REPOSITORY, scratch)
        load(scratch)
        for mutant, kind in results(chosen, scratch, options.timeout, options.near):
            outcomes.append((mutant, kind))
            if kind != "killed":
                print(f"{kind}: {mutant.module}:{mutant.line}: {mutant.change}", flush=True)
    print(table(outcomes))
    print(f"{len(outcomes)} mutants, and {equivalent} that are listed as equivalent")
    if out is not None:
        records = [asdict(mutant) | {"outcome": kind} for mutant, kind in outcomes]
        out.write_text(json.dumps([{**r, "source": None} for r in records], indent=1) + "\n")
    raise SystemExit(any(kind == "survived" for _, kind in outcomes))


if __name__ == "__main__":
    main()
