"""`gcl verify-backends`."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from gcl_cli._failing_cases import write_failures
from gcl_cli._options import FILE, UserPath
from gcl_spec import registry
from gcl_spec._files.atomic import check_writable
from gcl_spec.backend import Backend, SpreadBackend
from gcl_spec.conformance.cases.fixed import Case
from gcl_spec.conformance.cases.rankings import RankingCase, ranking_cases, thorough_rankings
from gcl_spec.conformance.compiling import quick_flags
from gcl_spec.conformance.numpy_arrays import NumPyArrays
from gcl_spec.conformance.rankings import followed_by, verify_rankings
from gcl_spec.conformance.verify import DTYPES, Verdict, verify
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
    if not backends or (names and missing):
        return _MISSING
    if self_test:
        chosen = cases if thorough or case_paths else None
        return _self_test(backends, chosen, metrics=not case_paths)
    rankings = None if case_paths else _rankings(thorough, draws, seed)
    reference = registry.load("reference")
    how = _completed(_How(dtypes, processes, jobs, rankings, numpy=not names), thorough)
    verdict = _verdict(backends, reference, cases, how)
    _report(verdict, json_path, junit_path, matrix=matrix)
    if not (verdict.agrees or verdict.interrupted or case_paths):
        write_failures(verdict, backends, reference, cases, failures, thorough)
    return _code(verdict)


class _How(NamedTuple):
    """The settings of a comparison; without rankings no metrics or degenerate input are tried."""

    dtypes: Sequence[str]
    processes: Sequence[int]
    jobs: int
    rankings: Sequence[RankingCase] | None
    numpy: bool


def _completed(how: _How, thorough: bool) -> _How:
    """The same with default dtypes and processes where none are named."""
    dtypes = how.dtypes or (DTYPES if not thorough else (*DTYPES, "bfloat16"))
    return how._replace(dtypes=dtypes, processes=how.processes or ((1, 2, 3) if thorough else (1,)))


def _verdict(
    asked: Sequence[tuple[Backend, str]], reference: Backend, cases: Sequence[Case], how: _How
) -> Verdict:
    """Hold the backends to the reference, and say first which cannot be spread as asked for."""
    for line in _alone(asked, how.processes):
        click.echo(line, err=True)
    backends = [backend for backend, _ in asked]
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


def _rankings(thorough: bool, draws: int, seed: int) -> Sequence[RankingCase]:
    return thorough_rankings(draws, seed) if thorough else ranking_cases()


def _load(names: Sequence[str]) -> tuple[list[tuple[Backend, str]], list[str]]:
    """Load backends; print, and return, a line for each that cannot be loaded.

    Each of the others is returned with the name by which it was asked for.
    """
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
    for line in missing:
        click.echo(line, err=True)
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


def _report(
    verdict: Verdict, json_path: Path | None, junit_path: Path | None, *, matrix: bool
) -> None:
    """Write the files that are asked for, then show the tables, also where a file fails."""
    from gcl_cli.verify_table import show_matrix, show_summary

    try:
        _write(verdict, json_path, junit_path)
    finally:
        if verdict.results:
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


def _self_test(
    backends: Sequence[tuple[Backend, str]], cases: Sequence[Case] | None, *, metrics: bool
) -> int:
    """Inject known bugs into the backends, and say which of them no case has noticed."""
    from gcl_spec.conformance.bugs.self_test import self_test, self_test_rankings
    from gcl_spec.conformance.cases.fixed import telling_cases

    reference = registry.load("reference")
    survived = 0
    for backend, _ in backends:
        catches = list(self_test(backend, reference, cases))
        catches += self_test_rankings(backend, reference) if metrics else []
        missed = [catch.bug for catch in catches if catch.case is None]
        survived += len(missed)
        click.echo(
            f"{backend.name}: {len(catches) - len(missed)} of {len(catches)} known bugs noticed "
            f"in {len(telling_cases() if cases is None else cases)} cases"
        )
        for bug in missed:
            click.echo(f"not noticed: {bug}")
    return _DISAGREE if survived else 0
