"""How a run is used: which backend, device and checkpoint."""

from dataclasses import dataclass

__all__ = ["Used"]


@dataclass(frozen=True, slots=True)
class Used:
    """How a run is used.

    backend, device: the backend's name, and one of its devices, its first where None.
    step: which checkpoint. allow_unverified: take files without checksums. overrides: other
    options of data.* and eval.* than the run's.
    """

    backend: str = "torch"
    device: str | None = None
    step: str = "newest"
    allow_unverified: bool = False
    overrides: tuple[str, ...] = ()
