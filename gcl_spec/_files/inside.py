"""The rule for links: a folder of others reaches nothing outside of itself."""

from pathlib import Path

from gcl_spec._files.reading import regular
from gcl_spec._words import brief
from gcl_spec.errors import DataError

__all__ = ["Tree"]

_REPOSITORIES = ("datasets--", "models--", "spaces--")


class Tree:
    """A folder, and what counts as inside it.

    Of a snapshot in the Hugging Face hub's cache the blobs of the same repository count as inside,
    because its files are links to them.

    Args:
        folder: The folder as its user names it; it may be a link itself.
    """

    def __init__(self, folder: Path) -> None:
        self._name = str(folder)
        self._folder = folder.resolve()
        self._blobs = _blobs(self._folder)

    def holds(self, target: Path) -> bool:
        """Whether a path without links lies inside."""
        inside = target.is_relative_to(self._folder)
        return inside or (self._blobs is not None and target.is_relative_to(self._blobs))

    def leads_out(self, path: str, target: Path, option: str) -> DataError:
        """The error for a path in the folder that leads to `target`, outside.

        Args:
            path: The path as it stands in the data.
            target: Where it leads through all links.
            option: Words that say how such a place is named, such as "with data.path".
        """
        return DataError(
            f"{self._name}: {brief(path)!r} is a link that leads out of the folder, to {target}; "
            f"name that place, {option}, or copy the folder without links: cp -RL {self._name} COPY"
        )

    def check_file(self, name: str, option: str) -> None:
        """Require a regular file of this name in the folder.

        Raises:
            DataError: The name is a link that leads out, or what it means is no regular file.
        """
        path = self._folder / name
        try:
            target = path.resolve()
            if not self.holds(target):
                raise self.leads_out(name, target, option)
            regular(target)
        except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
            why = error.strerror if isinstance(error, OSError) else error
            raise DataError(f"{self._name}: cannot read {brief(name)!r}: {why}") from error


def _blobs(folder: Path) -> Path | None:
    """Where the links of a snapshot in the hub's cache lead: REPO/snapshots/REV to REPO/blobs."""
    for revision in (folder, *folder.parents):
        repository = revision.parent.parent
        if revision.parent.name == "snapshots" and repository.name.startswith(_REPOSITORIES):
            return repository / "blobs"
    return None
