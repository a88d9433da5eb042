"""Backends by name, through the entry-point group `gcl_spec.backends` of installed distributions.

`names` reads metadata only; `load` imports exactly one backend.
"""

import os
import re
import sys
from importlib.metadata import EntryPoint, entry_points

from gcl_spec._words import nearest, one_line
from gcl_spec.backend import Backend, BenchBackend, OnnxBackend, TrainingBackend
from gcl_spec.errors import (
    ConfigError,
    DuplicateBackendError,
    MissingFrameworkError,
    NotABackendError,
    NotABenchBackendError,
    NotAnOnnxBackendError,
    NotATrainingBackendError,
    UnknownBackendError,
)

__all__ = [
    "GROUP",
    "choose_device",
    "devices",
    "load",
    "load_bench",
    "load_onnx",
    "load_training",
    "names",
]

GROUP = "gcl_spec.backends"

_MEMBERS = ("name", "xp", "devices", "from_numpy", "to_numpy", "loss_and_grads")
_OBJECT = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def names() -> tuple[str, ...]:
    """Names of all declared backends, sorted; nothing is imported."""
    return tuple(sorted({entry.name for entry in entry_points(group=GROUP)}))


def load(name: str, /) -> Backend:
    """The backend of this name, or of this "package.module:object".

    Raises:
        UnknownBackendError: no installed distribution declares it, or it is no such name.
        DuplicateBackendError: two do.
        MissingFrameworkError: its framework is not installed.
        NotABackendError: the declared object is not a backend, or raises when it is made.
    """
    entry = _entry(name)
    where = f"backend {name!r} ({entry.value})" if entry.value != name else f"backend {name!r}"
    try:
        declared = entry.load()
        backend = declared() if isinstance(declared, type) else declared
    except ImportError as error:
        raise _import_error(entry, error) from error
    except (Exception, SystemExit) as error:  # a module of others may raise anything
        said = one_line(f"{type(error).__name__}: {error}")
        raise NotABackendError(f"{where} cannot be made: {said}") from error
    missing = [member for member in _MEMBERS if not hasattr(backend, member)]
    if missing or not isinstance(backend, Backend):
        raise NotABackendError(
            f"{where} lacks {', '.join(missing)}; "
            "see gcl_spec.backend.Backend for what a backend supplies"
        )
    if not isinstance(backend.name, str) or not backend.name:
        raise NotABackendError(f"{where} has the name {backend.name!r}; give it a text")
    return backend


def load_training(name: str, /) -> TrainingBackend:
    """The backend of this name, which must be one that trains.

    Raises:
        NotATrainingBackendError: it computes losses but has no trainer.
        BackendLoadError: it cannot be loaded (`load` says why).
    """
    backend = load(name)
    if not isinstance(backend, TrainingBackend):
        raise NotATrainingBackendError(
            f"backend {name!r} computes the loss but does not train; use --backend torch"
        )
    return backend


def load_onnx(name: str, /) -> OnnxBackend:
    """The backend of this name, which must be one that writes its models as ONNX graphs.

    Raises:
        NotAnOnnxBackendError: it trains but writes no graphs.
        BackendLoadError: it cannot be loaded, or does not train (`load_training` says why).
    """
    backend = load_training(name)
    if not isinstance(backend, OnnxBackend):
        raise NotAnOnnxBackendError(
            f"backend {name!r} writes no ONNX graphs; those of any run are written by torch"
        )
    return backend


def load_bench(name: str, /) -> BenchBackend:
    """The backend of this name, which must be one whose losses can be measured.

    Raises:
        NotABenchBackendError: it has nothing to measure.
        BackendLoadError: it cannot be loaded (`load` says why).
    """
    backend = load(name)
    if not isinstance(backend, BenchBackend):
        raise NotABenchBackendError(
            f"backend {name!r} has no losses to measure; use --backend torch or --backend jax"
        )
    return backend


def devices(backend: Backend) -> tuple[str, ...]:
    """The backend's devices, at least one.

    Raises:
        NotABackendError: there is none, or the question raises.
    """
    try:
        device_names = tuple(backend.devices())
    except (Exception, SystemExit) as error:
        said = one_line(f"{type(error).__name__}: {error}")
        raise NotABackendError(f"devices() of backend {backend.name!r} raises {said}") from error
    if not device_names:
        raise NotABackendError(
            f"devices() of backend {backend.name!r} names none; its first is the default"
        )
    return device_names


def choose_device(backend: Backend, name: str | None) -> str:
    """The backend's device of this name, or its first of this kind ("cuda"), or its first.

    Raises:
        ConfigError: there is none of this name.
        NotABackendError: there is none at all.
    """
    there = devices(backend)
    if name is None:
        return there[0]
    for device in there:
        if name in (device, device.partition(":")[0]):
            return device
    raise ConfigError(
        f"no device {name!r} for backend {backend.name}; there are {', '.join(there)}"
    )


def _entry(name: str) -> EntryPoint:
    if ":" in name:
        if not _OBJECT.fullmatch(name):
            raise UnknownBackendError(f"{name!r} is no backend; wanted package.module:object")
        _see_the_current_folder()
        return EntryPoint(name=name, value=name, group=GROUP)
    entries = list(entry_points(group=GROUP, name=name))
    if not entries:
        raise UnknownBackendError(
            f"no backend {name!r}{nearest(name, names())}; "
            f"declared are {', '.join(names()) or 'none'} (or give package.module:object)"
        )
    if len(entries) > 1:
        dists = ", ".join(sorted(entry.dist.name if entry.dist else "?" for entry in entries))
        raise DuplicateBackendError(
            f"backend {name!r} is declared by {dists}; uninstall all but one, "
            "or give package.module:object"
        )
    return entries[0]


def _see_the_current_folder() -> None:
    """Let modules of the current folder be imported, as `python -m` does; console scripts do not.

    The folder comes last, so that it hides nothing that is installed.
    """
    if "" not in sys.path and os.getcwd() not in sys.path:  # noqa: PTH109  (sys.path holds texts)
        sys.path.append(os.getcwd())  # noqa: PTH109


def _import_error(entry: EntryPoint, error: ImportError) -> Exception:
    missing = (error.name or "").partition(".")[0]
    own = entry.value.partition(":")[0].partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or missing in ("", own):
        return NotABackendError(f"backend {entry.name!r} ({entry.value}): {error}")
    ours = entry.dist is not None and entry.dist.name == "gcl-spec"
    package = f"'gcl-spec[{entry.name}]'" if ours else missing
    return MissingFrameworkError(
        f"backend {entry.name!r} needs {missing}, which is not installed: pip install {package}"
    )
