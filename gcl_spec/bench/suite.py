"""A whole run of `gcl bench`: which candidates on which batches, one process after the other."""

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gcl_spec import registry
from gcl_spec._words import nearest
from gcl_spec.bench.measure import TEMPERATURE, Case
from gcl_spec.bench.process import ask
from gcl_spec.errors import ConfigError, UnknownBackendError
from gcl_spec.objective import preset

__all__ = [
    "Described",
    "Outcome",
    "Settings",
    "describe",
    "machine",
    "plan",
    "run_cases",
    "to_json",
]

SCHEMA = 1

_LIST_SECONDS = 300.0
"""The time to name the candidates, which imports a framework; `Settings.timeout` may be shorter."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of a run: what is measured, and how."""

    backends: tuple[str, ...] = ()
    """Names of backends; empty: all that are declared and have losses to measure."""
    candidates: tuple[str, ...] = ()
    """Names of candidates; empty: all that can run."""
    batches: tuple[int, ...] = (1024, 2048)
    width: int = 512
    dtype: str = "float32"
    device: str | None = None
    threads: int = 1
    repeats: int = 5
    timeout: float = 600.0
    """Seconds that one candidate may take on one batch, its start included."""
    objective: str = "gcl"


@dataclass(frozen=True, slots=True)
class Described:
    """A backend and its candidates, as its worker tells."""

    name: str
    version: str
    device: str
    candidates: dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A case with its measurement, or with the reason why there is none."""

    case: Case
    found: dict[str, Any] = field(default_factory=dict)
    """`Measurement.to_json`; empty where it failed."""
    error: str = ""


def describe(settings: Settings) -> tuple[list[Described], list[str]]:
    """The backends that can be measured, and a line for each that cannot.

    Raises:
        ConfigError: a backend that was named cannot be measured, or none can, or no backend knows
            a candidate that was named.
    """
    preset(settings.objective)
    backends, lines = [], []
    for name in settings.backends or [name for name in registry.names() if name != "reference"]:
        if ":" not in name and name not in registry.names():
            declared = ", ".join(registry.names()) or "none"
            raise UnknownBackendError(
                f"no backend {name!r}{nearest(name, registry.names())}; declared are {declared}"
            )
        answer = ask("list", _case(settings, name, "", 1), timeout=_LIST_SECONDS)
        if "found" in answer:
            backends.append(Described(name=name, **answer["found"]))
        elif settings.backends:
            raise ConfigError(answer["error"])
        else:
            lines.append(f"not measured: {answer['error']}")
    if not backends:
        raise ConfigError("; ".join(lines) or "no backend is declared")
    known = list(dict.fromkeys(name for described in backends for name in described.candidates))
    for name in settings.candidates:
        if name not in known:
            raise ConfigError(f"no candidate {name!r}; there are {', '.join(known)}")
    return backends, lines


def plan(settings: Settings, backends: Sequence[Described]) -> list[Case]:
    """The cases in their order: by backend, batch, candidate.

    A candidate that cannot run is among them only when it was asked for by name.
    """
    cases = []
    for described in backends:
        able = [name for name, about in described.candidates.items() if not about["missing"]]
        asked = [name for name in settings.candidates if name in described.candidates]
        for batch in dict.fromkeys(settings.batches):
            names = dict.fromkeys(asked if settings.candidates else able)
            cases += [_case(settings, described.name, name, batch) for name in names]
    return cases


def run_cases(cases: Sequence[Case], *, timeout: float) -> Iterator[Outcome]:
    """Measure one case after the other."""
    for case in cases:
        answer = ask("measure", case, timeout=timeout)
        yield Outcome(case, answer.get("found", {}), answer.get("error", ""))


def to_json(
    settings: Settings, backends: Sequence[Described], outcomes: Sequence[Outcome]
) -> dict[str, Any]:
    """All settings, the machine and all outcomes, as JSON takes them."""
    return {
        "schema": SCHEMA,
        "settings": {**asdict(settings), "temperature": TEMPERATURE},
        "machine": machine(),
        "backends": [asdict(described) for described in backends],
        "results": [
            {
                "backend": outcome.case.backend,
                "candidate": outcome.case.candidate,
                "batch": outcome.case.batch,
                "error": outcome.error,
                **outcome.found,
            }
            for outcome in outcomes
        ],
    }


def machine() -> dict[str, Any]:
    """The machine and Python, as JSON takes them."""
    return {
        "platform": platform.platform(),
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
    }


def _case(settings: Settings, backend: str, candidate: str, batch: int) -> Case:
    return Case(
        backend=backend,
        candidate=candidate,
        batch=batch,
        width=settings.width,
        dtype=settings.dtype,
        device=settings.device,
        threads=settings.threads,
        repeats=settings.repeats,
        objective=settings.objective,
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
