"""What a folder of others holds reaches nothing outside of it, and nothing is waited for."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gcl_spec.audit.findings import check_data
from gcl_spec.config.options import Config, DataConfig
from gcl_spec.data.open import open_source
from gcl_spec.data.paths import expand
from gcl_spec.data.root import FolderRoot, open_root
from gcl_spec.errors import DataError
from gcl_spec.models.hub import model_folder
from gcl_spec.models.tiny_clip import write_tiny
from gcl_spec.tasks.folder import read_tasks
from kinds import rows, source, write_jsonl, write_llava, write_parquet, write_tars


def write_npz(folder: Path) -> None:
    folder.mkdir()
    np.savez(folder / "train.npz", image=np.eye(4), text=np.eye(4))


def write_zip(folder: Path) -> None:
    write_llava(folder)
    shutil.make_archive(str(folder / "images"), "zip", folder / "images")
    shutil.rmtree(folder / "images")


KINDS: dict[str, Callable[[Path], None]] = {
    "train.jsonl": write_jsonl,
    "blip.json": write_llava,
    "train-000.parquet": write_parquet,
    "00001.tar": write_tars,
    "train.npz": write_npz,
    "images.zip": write_zip,
    "images/a.png": write_jsonl,
}


def used(folder: Path) -> int:
    """Samples that can be read with their pictures."""
    found = source(folder)
    samples = [found.sample(n) for n in range(len(found))]
    return sum(bool(found.read_bytes(x.image)) for x in samples if x.image is not None)


@pytest.mark.parametrize("file", KINDS)
def test_a_hard_link_is_a_file_as_any_other(tmp_path: Path, file: str) -> None:
    """As in copies by cp -al, and where equal files are stored once."""
    KINDS[file](tmp_path / "data")
    count = used(tmp_path / "data")
    shutil.copytree(tmp_path / "data", tmp_path / "linked", copy_function=os.link)
    assert used(tmp_path / "linked") == count > 0


@pytest.mark.parametrize("file", KINDS)
def test_a_link_out_is_refused_and_one_inside_is_not(tmp_path: Path, file: str) -> None:
    KINDS[file](tmp_path / "data")
    count = used(tmp_path / "data")
    path = tmp_path / "data" / file
    elsewhere = tmp_path / f"kept{path.suffix}"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    with pytest.raises(DataError, match=r"is a link that leads out of the folder, to .*kept.*-RL"):
        used(tmp_path / "data")
    path.unlink()
    inside = tmp_path / "data" / "kept"
    inside.mkdir()
    elsewhere.rename(inside / "x")
    path.symlink_to("kept/x" if path.parent == tmp_path / "data" else "../kept/x")
    assert used(tmp_path / "data") == count


@pytest.mark.parametrize("file", KINDS)
def test_a_snapshot_of_the_hubs_cache(tmp_path: Path, file: str) -> None:
    repository = tmp_path / "hub" / "datasets--me--pairs"
    snapshot = repository / "snapshots" / "abc"
    snapshot.parent.mkdir(parents=True)
    KINDS[file](snapshot)
    count = used(snapshot)
    blobs = repository / "blobs"
    blobs.mkdir()
    for n, path in enumerate(sorted(p for p in snapshot.rglob("*") if p.is_file())):
        path.rename(blobs / str(n))
        path.symlink_to(os.path.relpath(blobs / str(n), path.parent))
    assert used(snapshot) == count
    (tmp_path / "link").symlink_to(snapshot)
    assert used(tmp_path / "link") == count
    blobs.rename(tmp_path / "blobs")  # the blobs of this repository, and not those behind a link
    blobs.symlink_to(tmp_path / "blobs")
    with pytest.raises(DataError, match="leads out of the folder"):
        used(snapshot)


@pytest.mark.parametrize("file", KINDS)
def test_a_pipe_is_not_waited_for(tmp_path: Path, file: str) -> None:
    KINDS[file](tmp_path / "data")
    (tmp_path / "data" / file).unlink()
    os.mkfifo(tmp_path / "data" / file)
    with pytest.raises(DataError, match=r"it is a pipe|no train\.jsonl|No such file"):
        used(tmp_path / "data")


@pytest.mark.parametrize("suffix", ["jsonl", "json", "parquet", "tar", "npz", "zip", "other"])
def test_a_pipe_or_device_as_data(tmp_path: Path, suffix: str) -> None:
    os.mkfifo(tmp_path / f"a.{suffix}")
    (tmp_path / f"b.{suffix}").symlink_to("/dev/zero")
    for name, kind in {"a": "a pipe", "b": "a device", "*": "a (pipe|device)"}.items():
        if suffix in ("zip", "other") and name == "*":
            continue
        with pytest.raises(DataError, match=f"it is {kind}|leads out of the folder"):
            open_source(DataConfig(path=str(tmp_path / f"{name}.{suffix}"), cache=str(tmp_path)))


def test_wildcards_match_no_link_out_but_names_are_the_users(tmp_path: Path) -> None:
    write_tars(tmp_path / "disk")
    (tmp_path / "data").mkdir()
    for name in ("00000.tar", "00001.tar"):
        (tmp_path / "data" / name).symlink_to(tmp_path / "disk" / name)
    with pytest.raises(DataError, match="is a link that leads out of the folder"):
        expand(f"{tmp_path}/data/*.tar")
    for pattern in ("data/{00000..00001}.tar", "*/0000?.tar"):
        assert len(expand(f"{tmp_path}/{pattern}")) >= 2


@pytest.mark.parametrize("pictures", ["folder", "each"])
def test_linked_pictures_are_admitted_by_the_option_that_is_named(
    tmp_path: Path, pictures: str
) -> None:
    write_jsonl(tmp_path / "data")
    want = rows(source(tmp_path / "data"))
    images, disk = tmp_path / "data" / "images", tmp_path / "disk"
    images.rename(disk)
    if pictures == "folder":
        images.symlink_to(disk)
    else:
        images.mkdir()
        for path in disk.iterdir():
            (images / path.name).symlink_to(path)
    with pytest.raises(DataError, match="leads out of the folder") as caught:
        rows(source(tmp_path / "data"))
    named = str(caught.value).split("data.images=")[1].split(",")[0]
    assert rows(source(tmp_path / "data", images=named)) == want
    found = check_data(Config(data=DataConfig(path=str(tmp_path / "data"))), sample=5)
    assert len(found.bad) == 4
    assert all("data.images" in bad.reason for bad in found.bad)
    with pytest.raises(DataError, match="leads out of the folder"):
        rows(source(tmp_path / "data", images=str(tmp_path / "data")))


def test_tasks(tmp_path: Path) -> None:
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "queries.jsonl").write_text('{"id": "q", "text": "a"}')
    (folder / "candidates.jsonl").write_text('{"id": "c", "text": "a"}')
    (tmp_path / "qrels.tsv").write_text("q\tc")
    (folder / "qrels.tsv").symlink_to("../qrels.tsv")
    with pytest.raises(DataError, match="leads out of the folder"):
        read_tasks(open_root(folder))
    (folder / "qrels.tsv").unlink()
    os.mkfifo(folder / "qrels.tsv")
    with pytest.raises(DataError, match="it is a pipe"):
        read_tasks(open_root(folder))


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json"])
def test_model_folders(tmp_path: Path, file: str) -> None:
    repository = tmp_path / "models--me--clip"
    snapshot = repository / "snapshots" / "abc"
    (repository / "blobs").mkdir(parents=True)
    snapshot.mkdir(parents=True)
    write_tiny(snapshot, seed=0)
    for path in list(snapshot.iterdir()):
        path.rename(repository / "blobs" / path.name)
        path.symlink_to(f"../../blobs/{path.name}")
    assert model_folder(snapshot) == snapshot
    target = (snapshot / file).resolve()
    (snapshot / file).unlink()
    os.mkfifo(snapshot / file)
    with pytest.raises(DataError, match=f"cannot read '{file}': it is a pipe"):
        model_folder(snapshot)
    (snapshot / file).unlink()
    (snapshot / file).symlink_to(target.rename(tmp_path / "elsewhere"))
    with pytest.raises(DataError, match=r"leads out of the folder.*with model\.path"):
        model_folder(snapshot)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{0..9999999}.tar", "count upwards, to at most 1000000 files"),
        ("{0..9}{0..9}{0..9}{0..9}{0..9}{0..9}{0..9}.tar", "names 10,000,000 files"),
        ("{a,b}" * 300, "files; at most 1,000,000"),
        ("{" + "a," * 2_000_000 + "}", "names 2,000,001 files"),
        (f"{{0..{'9' * 6000}}}", "more than 18 digits"),
        (f"{{{'0' * 6000}..1}}", "more than 18 digits"),
        (f"{{0..{10**17}}}", "count upwards"),
        ("a\0*.tar", "holds NUL"),
        ("a" * 5000, "it has 5,000 bytes"),
        ("a/" * 5000 + "*", "it has 10,001 bytes"),
        ("[" * 200 + ".tar", "no file"),
    ],
)
def test_patterns_have_bounds(pattern: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        expand(pattern)
    assert len(str(caught.value)) < 1000


def test_a_folder_with_a_name_that_is_too_long(tmp_path: Path) -> None:
    for path in ("a" * 5000, "a\0", "b/" * 5000, "\ud800"):
        with pytest.raises(DataError):
            FolderRoot(tmp_path).read_bytes(path)
        with pytest.raises(DataError, match="no folder or zip archive"):
            open_root(path)
