"""`gcl verify-backends`."""

import json
import os
import re
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click

from gcl_cli._options import FILE, UserPath
from gcl_spec import registry
from gcl_spec._files.atomic import check_writable
from gcl_spec.backend import Backend, SpreadBackend
from gcl_spec.conformance.cases.fixed import Case
from gcl_spec.conformance.cases.rankings import RankingCase, ranking_cases, thorough_rankings
from gcl_spec.conformance.compiling import quick_flags
from gcl_spec.conformance.numpy_arrays import NumPyArrays
from gcl_spec.conformance.rankings import followed_by, verify_rankings
from gcl_spec.conformance.verify import DTYPES, Verdict, spread_over, verify
from gcl_spec.errors import BackendLoadError, MissingFrameworkError

__all__ = ["command"]

_DISAGREE = 3
_MISSING = 4


@click.command("verify-backends")
@click.option(
    "--backend",
    "names",
    multiple=True,
    metavar="NAME",
    help="A backend, or package.module:object; repeatable. Default: all that are declared.",
)
@click.option(
    "--thorough",
    is_flag=True,
    help="All fixed cases, and drawn ones; JAX compiles as it does for users.",
)
@click.option(
    "--draws", type=click.IntRange(0), default=30, help="Drawn cases of --thorough. Default: 30."
)
@click.option("--seed", type=click.IntRange(0), default=0, help="Their seed. Default: 0.")
@click.option(
    "--case",
    "case_paths",
    multiple=True,
    type=FILE,
    help="Only the case in this file; repeatable.",
)
@click.option(
    "--dtype",
    "dtypes",
    multiple=True,
    type=click.Choice(["float64", "float32", "bfloat16"]),
    help="Of the rows; repeatable. Default: float64 and float32; with --thorough all.",
)
@click.option(
    "--processes",
    multiple=True,
    type=click.IntRange(1),
    metavar="N",
    help="Spread the batch over N of them (JAX: devices); repeatable. Default: 1; with "
    "--thorough 1, 2 and 3.",
)
@click.option("--self-test", is_flag=True, help="Inject known bugs; each must be noticed.")
@click.option("--matrix", is_flag=True, help="Show a row an objective and kind of masks, too.")
@click.option("--json", "json_path", type=FILE, help="Write every result to this file.")
@click.option("--junit", "junit_path", type=FILE, help="Write JUnit XML to this file.")
@click.option(
    "--failures",
    type=UserPath(file_okay=False, path_type=Path),
    default=Path("gcl-failures"),
    help="Folder for shrunk failing cases. Default: gcl-failures.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=min(2, os.cpu_count() or 1),
    help="Threads; 1 if a backend is not safe for threads. Default: 2.",
)
def command(
    names: tuple[str, ...],
    thorough: bool,
    draws: int,
    seed: int,
    case_paths: tuple[Path, ...],
    dtypes: tuple[str, ...],
    processes: tuple[int, ...],
    self_test: bool,
    matrix: bool,
    json_path: Path | None,
    junit_path: Path | None,
    failures: Path,
    jobs: int,
) -> int:
    """Hold every backend to the reference: loss, gradients and Recall@K, in every dtype.

    Without --thorough JAX compiles quickly: without LLVM's optimisations, and with XLA's older
    generator of loops. An XLA_FLAGS of your own, even an empty one, is kept.

    Exit code 0: all agree. 3: one disagrees, or a known bug is not noticed. 4: a named backend is
    missing, or there is none. 130: interrupted; what was found is shown and written.
    """
    if self_test and (json_path or junit_path or matrix or dtypes or processes):
        raise click.UsageError(
            "--self-test has no --dtype, --processes, --json, --junit or --matrix; leave them out"
        )
    check_writable(json_path)
    check_writable(junit_path)
    if not thorough:
        # JAX compiles programs for most of the time. With --thorough it does so as for users.
        os.environ.setdefault("XLA_FLAGS", quick_flags())
    cases = _cases(case_paths, thorough, draws, seed)
    backends, missing = _load(tuple(dict.fromkeys(names)) or (("reference",) if self_test else ()))
    for line in missing:
        click.echo(line, err=True)
    if not backends or (names and missing):
        return _MISSING
    if self_test:
        asked = None if not (thorough or case_paths) else cases
        return _self_test([backend for backend, _ in backends], asked, metrics=not case_paths)
    reference = registry.load("reference")
    processes = processes or ((1,) if not thorough else (1, 2, 3))
    for line in _alone(backends, processes):
        click.echo(line, err=True)
    how = _How(
        dtypes or (DTYPES if not thorough else (*DTYPES, "bfloat16")),
        processes,
        jobs,
        None if case_paths else thorough_rankings(draws, seed) if thorough else ranking_cases(),
        numpy=not names,
    )
    verdict = _verdict([backend for backend, _ in backends], reference, cases, how)
    try:
        _write(verdict, json_path, junit_path)
    finally:
        if verdict.results:
            _show(verdict, matrix)
    if not (verdict.agrees or verdict.interrupted or case_paths):
        _write_failures(verdict, backends, reference, cases, failures, thorough)
    return _code(verdict)


class _How(NamedTuple):
    """What is tried; without rankings neither metrics nor degenerate input is."""

    dtypes: Sequence[str]
    processes: Sequence[int]
    jobs: int
    rankings: Sequence[RankingCase] | None
    numpy: bool


def _verdict(
    backends: Sequence[Backend], reference: Backend, cases: Sequence[Case], how: _How
) -> Verdict:
    verdict = verify(
        backends,
        reference,
        cases,
        dtypes=how.dtypes,
        processes=how.processes,
        jobs=how.jobs,
        degenerate=how.rankings is not None,
    )
    if how.rankings is None or verdict.interrupted:
        return verdict
    tried: list[Any] = [NumPyArrays(), *backends] if how.numpy else [*backends]
    more = verify_rankings(tried, reference, how.rankings, dtypes=how.dtypes, jobs=how.jobs)
    return followed_by(verdict, more)


def _code(verdict: Verdict) -> int:
    if verdict.interrupted:
        raise KeyboardInterrupt
    if not verdict.results:
        return _MISSING
    return 0 if verdict.agrees else _DISAGREE


def _cases(paths: Sequence[Path], thorough: bool, draws: int, seed: int) -> list[Case]:
    from gcl_spec.conformance.cases.drawn import drawn_cases
    from gcl_spec.conformance.cases.file import read_case
    from gcl_spec.conformance.cases.fixed import fixed_cases, quick_cases

    if paths:
        return [read_case(path) for path in paths]
    return [*fixed_cases(), *drawn_cases(draws, seed)] if thorough else [*quick_cases()]


def _load(names: Sequence[str]) -> tuple[list[tuple[Backend, str]], list[str]]:
    """The backends that load with the names asked for, and a line for each that does not."""
    backends, missing = [], []
    for name in names or [name for name in registry.names() if name != "reference"]:
        try:
            backends.append((registry.load(name), name))
        except MissingFrameworkError as error:
            missing.append(f"not verified: {error}")
        except BackendLoadError as error:
            if not names:
                raise
            missing.append(f"error: {error}")
    return backends, missing


def _alone(backends: Sequence[tuple[Backend, str]], processes: Sequence[int]) -> list[str]:
    """A line for each backend that cannot be spread as asked for."""
    if max(processes) == 1:
        return []
    return [
        f"{asked}: not verified in more than one process: it has no method `spread`"
        for backend, asked in backends
        if not isinstance(backend, SpreadBackend)
    ]


def _show(verdict: Verdict, matrix: bool) -> None:
    from gcl_cli.verify_table import show_matrix, show_summary

    if matrix:
        show_matrix(verdict)
    show_summary(verdict)


def _write(verdict: Verdict, json_path: Path | None, junit_path: Path | None) -> None:
    from gcl_spec._files.atomic import atomic_write
    from gcl_spec.conformance.junit import junit_xml

    if json_path is not None:
        with atomic_write(json_path) as file:
            file.write(json.dumps(verdict.to_json(), indent=2, allow_nan=False).encode())
    if junit_path is not None:
        with atomic_write(junit_path) as file:
            file.write(junit_xml(verdict))


def _write_failures(
    verdict: Verdict,
    backends: Sequence[tuple[Backend, str]],
    reference: Backend,
    cases: Sequence[Case],
    folder: Path,
    thorough: bool,
) -> None:
    """The worst case of every backend and place, shrunk, with the command to run it."""
    from gcl_spec.conformance.cases.file import write_case
    from gcl_spec.conformance.shrink import fails, shrink

    by_name = {case.name: case for case in cases}
    loaded = {backend.name: (backend, asked) for backend, asked in backends}
    worst = {
        (found.backend, found.device, found.processes, found.dtype): found.case
        for found in sorted(verdict.results, key=lambda found: -found.headroom)
        if not found.agrees and found.case in by_name
    }
    for (name, device, processes, dtype), case in worst.items():
        backend, asked = loaded[name]
        with spread_over(backend, processes) as spread:
            still = partial(fails, spread, reference, dtype=dtype, device=device)
            small = shrink(by_name[case], still)
        file = f"{name} {device} {processes if processes > 1 else ''} {dtype} {case}"
        path = folder / f"{re.sub(r'[^A-Za-z0-9]+', '-', file).strip('-')}.npz"
        write_case(path, small)
        command = ["gcl", "verify-backends", "--backend", asked]
        # With --thorough JAX compiles as for users, and more dtypes and processes are the default.
        command += ["--thorough"] if thorough else []
        command += [] if dtype in DTYPES and not thorough else ["--dtype", dtype]
        command += [] if processes == 1 and not thorough else ["--processes", str(processes)]
        command += ["--case", str(path)]
        click.echo(shlex.join(command))


def _self_test(backends: Sequence[Backend], cases: Sequence[Case] | None, *, metrics: bool) -> int:
    from gcl_spec.conformance.bugs.self_test import self_test, self_test_rankings
    from gcl_spec.conformance.cases.fixed import telling_cases

    reference = registry.load("reference")
    survived = 0
    for backend in backends:
        found = list(self_test(backend, reference, cases))
        found += self_test_rankings(backend, reference) if metrics else []
        missed = [catch.bug for catch in found if catch.case is None]
        survived += len(missed)
        click.echo(
            f"{backend.name}: {len(found) - len(missed)} of {len(found)} known bugs noticed "
            f"in {len(telling_cases() if cases is None else cases)} cases"
        )
        for bug in missed:
            click.echo(f"not noticed: {bug}")
    return _DISAGREE if survived else 0
