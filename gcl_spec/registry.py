"""Backends by name, through the entry-point group `gcl_spec.backends` of installed distributions.

`names` reads metadata only; `load` imports exactly one backend.
"""

from importlib.metadata import EntryPoint, entry_points

from gcl_spec.backend import Backend, TrainingBackend
from gcl_spec.errors import (
    ConfigError,
    DuplicateBackendError,
    MissingFrameworkError,
    NotABackendError,
    NotATrainingBackendError,
    UnknownBackendError,
)

__all__ = ["GROUP", "choose_device", "load", "load_training", "names"]

GROUP = "gcl_spec.backends"

_MEMBERS = ("name", "xp", "devices", "from_numpy", "to_numpy", "loss_and_grads")


def names() -> tuple[str, ...]:
    """Names of all declared backends, sorted; nothing is imported."""
    return tuple(sorted({entry.name for entry in entry_points(group=GROUP)}))


def load(name: str, /) -> Backend:
    """The backend of this name, or of this "package.module:object".

    Raises:
        UnknownBackendError: no installed distribution declares it.
        DuplicateBackendError: two do.
        MissingFrameworkError: its framework is not installed.
        NotABackendError: the declared object is not a backend.
    """
    entry = _entry(name)
    try:
        declared = entry.load()
        backend = declared() if isinstance(declared, type) else declared
    except ImportError as error:
        raise _import_error(entry, error) from error
    except AttributeError as error:
        raise NotABackendError(f"backend {name!r} ({entry.value}): {error}") from error
    missing = [member for member in _MEMBERS if not hasattr(backend, member)]
    if missing or not isinstance(backend, Backend):
        raise NotABackendError(
            f"backend {name!r} ({entry.value}) lacks {', '.join(missing)}; "
            "see gcl_spec.backend.Backend for what a backend supplies"
        )
    return backend


def load_training(name: str, /) -> TrainingBackend:
    """As `load`; `NotATrainingBackendError` for a backend without a trainer."""
    backend = load(name)
    if not isinstance(backend, TrainingBackend):
        raise NotATrainingBackendError(
            f"backend {name!r} computes the loss but does not train; use --backend torch"
        )
    return backend


def choose_device(backend: Backend, name: str | None) -> str:
    """The backend's device of this name, or its first of this kind ("cuda"), or its first.

    Raises:
        ConfigError: there is none.
    """
    devices = backend.devices()
    if name is None:
        return devices[0]
    for device in devices:
        if name in (device, device.partition(":")[0]):
            return device
    raise ConfigError(
        f"no device {name!r} for backend {backend.name}; there are {', '.join(devices)}"
    )


def _entry(name: str) -> EntryPoint:
    if ":" in name:
        return EntryPoint(name=name, value=name, group=GROUP)
    found = list(entry_points(group=GROUP, name=name))
    if not found:
        raise UnknownBackendError(
            f"no backend {name!r}; declared are {', '.join(names()) or 'none'} "
            "(or give package.module:object)"
        )
    if len(found) > 1:
        dists = ", ".join(sorted(entry.dist.name if entry.dist else "?" for entry in found))
        raise DuplicateBackendError(
            f"backend {name!r} is declared by {dists}; uninstall all but one, "
            "or give package.module:object"
        )
    return found[0]


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
