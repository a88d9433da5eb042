"""The rule for links: a folder of others reaches nothing outside of itself."""

from pathlib import Path

from gcl_spec._files.reading import regular
from gcl_spec._words import brief
from gcl_spec.errors import DataError

__all__ = ["Tree"]

_REPOSITORIES = ("datasets--", "models--", "spaces--")


class Tree:
    """A folder, and what counts as inside it.

    The files of a snapshot in the Hugging Face hub's cache are links to blobs of the same
    repository, which therefore count as inside.

    Args:
        folder: the folder as its user names it; it may be a link itself.
    """

    def __init__(self, folder: Path) -> None:
        self._name = str(folder)
        self._folder = folder.resolve()
        self._blobs = _blobs(self._folder)

    def holds(self, target: Path) -> bool:
        """Does a path without links lie inside?"""
        inside = target.is_relative_to(self._folder)
        return inside or (self._blobs is not None and target.is_relative_to(self._blobs))

    def leads_out(self, path: str, target: Path, option: str) -> DataError:
        """The error for a path in the folder that leads to `target`, outside.

        Args:
            path: the path as it stands in the data.
            target: the place to which it leads through all links.
            option: words that say how such a place is named, such as "with data.path".
        """
        return DataError(
            f"{self._name}: {brief(path)!r} is a link that leads out of the folder, to {target}; "
            f"name that place, {option}, or copy the folder without links: cp -RL {self._name} COPY"
        )

    def check_file(self, name: str, option: str) -> None:
        """Require a regular file of this name in the folder.

        Raises:
            DataError: the name is a link that leads out, or it names no regular file.
        """
        path = self._folder / name
        try:
            target = path.resolve()
            if not self.holds(target):
                raise self.leads_out(name, target, option)
            regular(target)
        except (OSError, RuntimeError) as error:  # links in a loop are a RuntimeError
            why = error.strerror if isinstance(error, OSError) else error
            raise DataError(f"{self._name}: cannot read {brief(name)!r}: {why}") from error


def _blobs(folder: Path) -> Path | None:
    """The folder to which links of a hub's snapshot lead: REPO/blobs of REPO/snapshots/REV."""
    for revision in (folder, *folder.parents):
        repository = revision.parent.parent
        if revision.parent.name == "snapshots" and repository.name.startswith(_REPOSITORIES):
            return repository / "blobs"
    return None
