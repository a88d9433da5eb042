"""Checkpoints in the Hugging Face hub's layout: found on disk, or fetched."""

import re
from collections.abc import Sequence
from pathlib import Path

from gcl_spec._files.inside import Tree
from gcl_spec._files.reading import is_file, is_folder, read_regular
from gcl_spec._words import one_line
from gcl_spec.errors import DataError
from gcl_spec.models.config_json import read_json
from gcl_spec.models.open_clip import is_open_clip
from gcl_spec.models.tinyclip.convert import tinyclip_file
from gcl_spec.models.weights import load_weights, weight_files, weight_shapes

__all__ = [
    "fetched",
    "load_weights",
    "local_folder",
    "model_folder",
    "read_json",
    "weight_files",
    "weight_shapes",
]

# These are configurations, weights and tokenizers, without exports to other formats in subfolders.
_WANTED = ["*.json", "*.safetensors", "*.txt"]
_UNWANTED = ["*/*"]
# This library or transformers opens these in a checkpoint's folder.
_READ = (".json", ".safetensors", ".txt", ".jinja", ".model", ".pt", ".pth", ".gz")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def model_folder(path_or_id: str | Path) -> Path:
    """The folder of a checkpoint: an existing one as it is, else a hub id's snapshot.

    Args:
        path_or_id: a folder, or "owner/name" or "owner/name@revision" (a branch, tag or commit) on
            the hub. What is downloaded goes to the hub's own cache and is used from there when
            there is no connection or HF_HUB_OFFLINE=1.

    Raises:
        DataError: there is no such folder, an id cannot be fetched, weights are only pickled, or a
            file is no file or a link out of the folder (of a snapshot: out of the hub's cache).
    """
    name = str(path_or_id)
    folder = local_folder(name)
    if folder is None:
        folder = fetched(name, _WANTED)
    tree = Tree(folder)
    for path in _inside(folder):
        if path.suffix in _READ and not is_folder(path):
            tree.check_file(path.name, "with model.path")
    if not is_open_clip(folder) and tinyclip_file(folder) is None:
        weight_files(folder)
    return folder


def fetched(name: str, wanted: Sequence[str], option: str = "model.path") -> Path:
    """The snapshot of a repository in the hub's cache, downloaded where it is not there.

    Args:
        name: "owner/name" or "owner/name@revision".
        wanted: patterns of the files to fetch; those in subfolders are never fetched.
        option: the option that names it, for errors.

    Raises:
        DataError: it is no hub id, or cannot be fetched.
    """
    hub_id, _, revision = name.partition("@")
    if not _HUB_ID.fullmatch(hub_id):
        raise DataError(
            f"no folder {name!r}; give as {option} a checkpoint's folder, or a hub id: "
            "'owner/name' or 'owner/name@revision' (a run keeps it in its config.toml, which "
            f"gcl train --resume RUN --set {option}=FOLDER changes)"
        )
    return _snapshot(hub_id, revision or None, wanted)


def _expanded(name: str) -> Path:
    try:
        folder = Path(name).expanduser()
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"model.path = {name[:80]!r}: {one_line(error)}") from error
    return folder


def local_folder(name: str) -> Path | None:
    """The folder on disk that a name means, if there is one; in a hub's cache, the snapshot.

    Raises:
        DataError: it is a file, or a folder that cannot be read, or a cache without one snapshot.
    """
    folder = _expanded(name)
    if is_file(folder):
        raise DataError(f"{folder} is a file; give as model.path the folder in which it lies")
    if not name or not is_folder(folder):
        return None
    root = folder.parent if folder.name == "snapshots" else folder
    cached = is_folder(root / "snapshots") and not is_file(folder / "config.json")
    return _snapshot_in(root) if cached else folder


def _inside(folder: Path) -> list[Path]:
    """The sorted entries of a folder; a `DataError` where they cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder}: cannot read this folder: {error.strerror}") from error


def _snapshot_in(root: Path) -> Path:
    """The snapshot of a repository in the hub's cache, that of `main` or the only one."""
    there = [path for path in _inside(root / "snapshots") if is_folder(path)]
    try:
        commit = read_regular(root / "refs" / "main").decode(errors="replace").strip()
    except OSError:  # a snapshot may be there by its commit alone
        commit = ""
    chosen = [path for path in there if path.name == commit] or there
    if len(chosen) != 1:
        raise DataError(
            f"{root} is a repository in the hub's cache with {len(there)} snapshots; give one of "
            f"them as model.path: {', '.join(map(str, there)) or 'download it again'}"
        )
    return chosen[0]


def _snapshot(hub_id: str, revision: str | None, wanted: Sequence[str]) -> Path:
    try:
        from huggingface_hub import errors, snapshot_download
    except ImportError:
        raise DataError(
            f"no folder {hub_id!r}, and to fetch it from the hub huggingface_hub must be "
            "installed: pip install huggingface_hub, or give a folder"
        ) from None
    name = f"{hub_id}@{revision}" if revision else hub_id
    try:
        return Path(
            snapshot_download(
                hub_id,
                revision=revision,
                allow_patterns=list(wanted),
                ignore_patterns=_UNWANTED,
            )
        )
    except errors.GatedRepoError as error:
        why = "access is restricted; accept its terms on its page and run `hf auth login`"
        raise DataError(f"{name}: {why}") from error
    except errors.RevisionNotFoundError as error:
        raise DataError(f"{name}: the hub has no such revision of {hub_id}") from error
    except errors.RepositoryNotFoundError as error:
        why = "is neither a folder here nor a repository on the hub (if private: `hf auth login`)"
        raise DataError(f"{name} {why}") from error
    except errors.LocalEntryNotFoundError as error:
        raise DataError(
            f"{name}: not in the hub's cache, and the hub cannot be reached (offline, or "
            f"HF_HUB_OFFLINE=1). Where there is a connection run `hf download {hub_id}"
            f"{f' --revision {revision}' if revision else ''} --local-dir FOLDER`, and give "
            "FOLDER here"
        ) from error
    # The errors of the HTTP client, the file system and the validator have no base in common.
    except Exception as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(
            f"{name}: cannot fetch it from the hub: {said[0]}; download it elsewhere and give "
            "the folder"
        ) from error
