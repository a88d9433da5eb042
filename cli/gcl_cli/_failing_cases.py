"""`gcl verify-backends`: files of the cases that fail, made as small as they can be."""

import re
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from gcl_spec.backend import Backend
from gcl_spec.conformance.cases.fixed import Case
from gcl_spec.conformance.verify import DTYPES, Verdict, spread_over

__all__ = ["write_failures"]


def write_failures(
    verdict: Verdict,
    backends: Sequence[tuple[Backend, str]],
    reference: Backend,
    cases: Sequence[Case],
    folder: Path,
    thorough: bool,
) -> None:
    """Write the worst case of each backend and place, shrunk, and print the command that runs it.

    Args:
        verdict: what was measured.
        backends: the backends, with the names by which they were asked for.
        reference: what they are held to.
        cases: the cases that were tried.
        folder: where the files go.
        thorough: --thorough is given, and so stands in the commands.

    Raises:
        FileError: a file cannot be written.
    """
    from gcl_spec.conformance.cases.file import write_case
    from gcl_spec.conformance.shrink import fails, shrink

    by_name = {case.name: case for case in cases}
    loaded = {backend.name: (backend, asked) for backend, asked in backends}
    worst = {
        (trial.backend, trial.device, trial.processes, trial.dtype): trial.case
        for trial in sorted(verdict.results, key=lambda trial: -trial.headroom)
        if not trial.agrees and trial.case in by_name
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
