"""Every error a user can meet: what is wrong, where, and the way out, in one line.

All derive from `GclError`; `gcl` prints the line and exits with `exit_code`.
"""

from gcl_spec._words import escaped, shortened

__all__ = [
    "BackendLoadError",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "EmptyDataError",
    "FileError",
    "DuplicateBackendError",
    "GclError",
    "InputError",
    "InputTypeError",
    "MissingFrameworkError",
    "NoPairError",
    "NotABackendError",
    "NotABenchBackendError",
    "NotAKernelError",
    "NotAnOnnxBackendError",
    "NotASearchBackendError",
    "NotATrainingBackendError",
    "StoppedError",
    "TrainingError",
    "UnknownBackendError",
]


class GclError(Exception):
    """The base of all errors that are the input's fault, not the program's.

    A message may hold names of files, ids and captions that others wrote: it shows by their escapes
    what a terminal would act on, and a very long message loses its middle.
    """

    exit_code = 2

    def __init__(self, message: str = "") -> None:
        super().__init__(shortened(escaped(message)))


class InputError(GclError, ValueError):
    """Arrays with wrong shapes or values: zero rows, NaN, no valid pair.

    Args:
        what: What is wrong.
        advice: What a caller of the loss can do about it; it stands in the message after `what`.
    """

    def __init__(self, what: str, *, advice: str = "") -> None:
        super().__init__(f"{what}; {advice}" if advice else what)
        self.what = what


class NoPairError(InputError):
    """A batch where no sample has both the query and the target of any direction."""


class InputTypeError(GclError, TypeError):
    """Arrays or arguments of a wrong type."""


class ConfigError(GclError, ValueError):
    """An unknown key, a value of the wrong type, an unknown recipe."""


class DataError(GclError, ValueError):
    """A missing file, a corrupt archive, an unreadable picture, an empty split."""


class EmptyDataError(DataError):
    """A file of training data without a sample."""


class FileError(GclError):
    """A file that cannot be written, or a folder that cannot be made or locked."""


class CheckpointError(FileError, ValueError):
    """A run folder or checkpoint that cannot be read, or is not as it was written."""


class TrainingError(GclError, RuntimeError):
    """Training that cannot go on, such as a loss that is not finite."""

    exit_code = 1


class StoppedError(GclError, RuntimeError):
    """Training that SIGTERM or Ctrl-C ended; `resumable` says whether there is a run to resume.

    Only the first of several processes has a message.
    """

    exit_code = 130

    def __init__(self, message: str, *, resumable: bool) -> None:
        super().__init__(message)
        self.resumable = resumable


class BackendLoadError(GclError):
    """A backend that cannot be loaded; its subclasses say why."""


class UnknownBackendError(BackendLoadError, ValueError):
    """No installed distribution declares a backend of this name."""


class DuplicateBackendError(BackendLoadError, ValueError):
    """Two installed distributions declare a backend of the same name."""


class MissingFrameworkError(BackendLoadError, ImportError):
    """The backend is declared, but the framework it needs is not installed."""


class NotABackendError(BackendLoadError, TypeError):
    """The declared object does not have the members of `gcl_spec.backend.Backend`."""


class NotATrainingBackendError(BackendLoadError, TypeError):
    """The backend computes losses but does not train."""


class NotASearchBackendError(BackendLoadError, TypeError):
    """The backend makes no products for a search."""


class NotABenchBackendError(BackendLoadError, TypeError):
    """The backend has no losses that `gcl bench` could measure."""


class NotAnOnnxBackendError(BackendLoadError, TypeError):
    """The backend does not write its models as ONNX graphs."""


class NotAKernelError(BackendLoadError, TypeError):
    """The kernel that a distribution declares for a framework's arrays cannot be used."""
