"""Embeds a listing into shards, by one process or many, and goes on where it was ended."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from gcl_spec._files.atomic import remove_stale
from gcl_spec._files.locks import locked
from gcl_spec._files.os_errors import cannot_write, tidying
from gcl_spec._typing import FloatArray
from gcl_spec.backend import World
from gcl_spec.embed.encode_entries import EntryEncoder
from gcl_spec.embed.entry import Contents, Entry, Listing, data_digest
from gcl_spec.embed.maker import Maker
from gcl_spec.embed.manifest import (
    ABSENT,
    MANIFEST,
    Manifest,
    heads_in,
    remove_manifest,
    write_manifest,
)
from gcl_spec.embed.shards import (
    NAMES,
    head_of,
    lines_fit,
    list_path,
    number_of,
    rows_fit,
    rows_path,
    write_shard,
)
from gcl_spec.errors import ConfigError, DataError, TrainingError
from gcl_spec.progress import Quiet, Reporter

__all__ = ["Encoded", "Engine", "Work"]

_OWN = re.compile(f"{NAMES}|{re.escape(MANIFEST)}|{re.escape(ABSENT)}")


class Encoded(NamedTuple):
    """A shard that an engine has encoded.

    rows_RD: (R, D). absent: why others have no row, by their place. hashes: those of all files.
    """

    number: int
    rows_RD: FloatArray
    absent: Mapping[int, str]
    hashes: Mapping[str, str]


class Engine(Protocol):
    """Encodes shards elsewhere."""

    def shards(self, numbers: Sequence[int], told: Callable[[int], None]) -> Iterator[Encoded]:
        """Shards in any order, each as `Work` would encode it.

        Args:
            numbers: the numbers of the shards.
            told: hears how many entries are done.
        """
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """Everything that a folder of embeddings is made of.

    Shard k holds the entries from k * `maker.size` on, whoever computes it; process r of n computes
    the shards r, r + n, r + 2 n and so on. The first process alone writes what is not a shard. With
    an `engine` the shards are encoded elsewhere, and written here.
    """

    listing: Listing
    encoder: EntryEncoder
    contents: Contents
    maker: Maker
    folder: Path
    about: Mapping[str, str]
    engine: Engine | None = None

    def run(self, world: World, reporter: Reporter | None = None) -> Manifest | None:
        """Compute what is not there yet.

        Args:
            world: the world of all processes, which all call this.
            reporter: hears of progress.

        Returns:
            The manifest; None in all processes but the first.

        Raises:
            DataError: no item can be embedded, or the folder holds rows of another model.
            ConfigError: the folder was begun with other options, or holds something else, or
                another process embeds there.
            FileError: a file cannot be written.
            TrainingError: another process has failed.
        """
        reporter = Quiet() if reporter is None or world.rank else reporter
        manifests: list[Manifest] = []
        with ExitStack() as stack:
            _alone(world, lambda: self._open(stack))
            missing: list[int] = []
            _together(world, lambda: missing.extend(self._missing(world, reporter)))
            if world.any(bool(missing)):
                _alone(world, lambda: remove_manifest(self.folder))
            _together(world, lambda: self._compute(missing, world, reporter))
            _alone(world, lambda: manifests.append(self._finish()))
        return manifests[0] if manifests else None

    @property
    def _count(self) -> int:
        return -(-len(self.listing) // self.maker.size)

    def _entries(self, number: int) -> list[Entry]:
        start = number * self.maker.size
        return self.listing.entries(slice(start, min(start + self.maker.size, len(self.listing))))

    def _open(self, stack: ExitStack) -> None:
        """Make or check the folder, and remove what killed processes left."""
        if not len(self.listing):
            raise DataError(f"{self.contents.name}: there is no item to embed")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            names = [path.name for path in self.folder.iterdir()]
        except OSError as error:
            raise cannot_write(self.folder, error, None) from error
        stack.enter_context(locked(self.folder, "embeds"))
        if names and not any(_OWN.fullmatch(name) or name.startswith(".rows-") for name in names):
            raise ConfigError(
                f"{self.folder} is not empty and holds no embeddings; choose another folder"
            )
        for _, head in heads_in(self.folder):
            if head is not None:
                self.maker.refuse_other_rows(head.maker, str(self.folder))
        remove_stale(self.folder, _OWN.pattern)

    def _missing(self, world: World, reporter: Reporter) -> list[int]:
        """The numbers of this process's shards that are not there, or not as they should be."""
        own = range(world.rank, self._count, world.size)
        if not any(list_path(self.folder, number).exists() for number in own):
            return list(own)
        missing = []
        for done, number in enumerate(own, 1):
            if not self._fits(number, reporter):
                missing.append(number)
            self.contents.forget()
            reporter.update("check shards", done, len(own))
        return missing

    def _fits(self, number: int, reporter: Reporter) -> bool:
        try:
            head = head_of(list_path(self.folder, number))
        except DataError as error:
            reporter.say(f"warning: {error}")
            return False
        return (
            head is not None
            and head.data == data_digest(self._entries(number), self.contents)
            and lines_fit(list_path(self.folder, number), head)
            and rows_fit(rows_path(self.folder, number), head)
        )

    def _compute(self, missing: list[int], world: World, reporter: Reporter) -> None:
        own = range(world.rank, self._count, world.size)
        total = sum(self._size(number) for number in own)
        done = total - sum(self._size(number) for number in missing)
        note = f"process {world.rank} of {world.size}" if world.size > 1 else ""

        def told(count: int) -> None:
            reporter.update("embed", done + count, total, note)

        if missing:
            told(0)
        if self.engine is not None and missing:
            for shard in self.engine.shards(missing, told):
                self._write(shard)
            return
        for number in missing:
            self.contents.forget()
            entries = self._entries(number)
            rows_RD, absent = self.encoder.encode(entries, told)
            data = data_digest(entries, self.contents)
            write_shard(self.folder, number, self.maker, entries, rows_RD, absent, data)
            done += len(entries)
            told(0)

    def _write(self, shard: Encoded) -> None:
        self.contents.forget()
        self.contents.know(shard.hashes)
        entries = self._entries(shard.number)
        data = data_digest(entries, self.contents)
        absent = dict(shard.absent)
        write_shard(self.folder, shard.number, self.maker, entries, shard.rows_RD, absent, data)

    def _size(self, number: int) -> int:
        return min(self.maker.size, len(self.listing) - number * self.maker.size)

    def _finish(self) -> Manifest:
        for path in self.folder.iterdir():
            if re.fullmatch(NAMES, path.name) and number_of(path) >= self._count:
                with tidying("remove", path):
                    path.unlink(missing_ok=True)
        return write_manifest(self.folder, self._count, self.maker, self.about)


def _alone(world: World, action: Callable[[], object]) -> None:
    """Run `action` in the first process; all return, or all raise."""
    _together(world, action if world.rank == 0 else lambda: None)


def _together(world: World, action: Callable[[], object]) -> None:
    """Run `action` in every process; all return, or all raise, so that none waits."""
    failed: Exception | None = None
    try:
        action()
    except Exception as error:  # the others must hear of every error
        failed = error
    if not world.any(failed is not None):
        return
    if failed is not None:
        raise failed
    raise TrainingError("another process could not go on with its shards; its message says why")
