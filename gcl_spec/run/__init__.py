"""What a training leaves behind, and how it is used again."""

from gcl_spec.run.folder import LoadedRun, RunFolder, load_run

__all__ = [
    "LoadedRun",
    "RunFolder",
    "load_run",
]
