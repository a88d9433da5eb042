"""What a training leaves behind, and how it is used again.

Start reading at `folder`, the files of a run, and `loaded`, a trained model to encode with;
`checkpoint` writes and reads states, `manifest` vouches for files.
"""

from gcl_spec.run.folder import RunFolder
from gcl_spec.run.loaded import LoadedRun, load_run

__all__ = [
    "LoadedRun",
    "RunFolder",
    "load_run",
]
