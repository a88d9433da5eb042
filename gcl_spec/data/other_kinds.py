"""Says of files that hold data of kinds that are not read what they are, and the way out."""

from pathlib import Path

from gcl_spec._files.reading import open_regular
from gcl_spec._words import LFS_POINTER, is_lfs_pointer

__all__ = ["LISTED", "check_pointer", "kind_of"]

_READ = "what is read: train.jsonl, .parquet, .tar, .csv, .tsv, LLaVA's .json, .npz"
_VECTORS = "write vectors with np.savez('train.npz', image=..., text=...), or as parquet"
_ARROW = (
    "an Arrow file; write it as parquet: pyarrow.parquet.write_table(TABLE, 'train.parquet'), or "
    "datasets.load_from_disk(FOLDER).to_parquet('train.parquet')"
)
_PICKLE = f"a pickle, which can run any code and is not read; where you trust it, {_VECTORS}"
_RECORDS = "not read; write its samples as tar shards (webdataset) or parquet"
_PACKED = "compressed, and cannot be read in any order; decompress it, and name what comes out"
_WORDS = {
    ".npy": f"one array of np.save; {_VECTORS}",
    ".arrow .feather .ipc": _ARROW,
    ".h5 .hdf5 .hdf .mat": f"an HDF5 or MATLAB file, not read; {_VECTORS}",
    ".pkl .pickle .joblib .pt .pth .bin .ckpt": _PICKLE,
    ".safetensors": f"a file of tensors; {_VECTORS}",
    ".lmdb .mdb": f"an LMDB database, {_RECORDS}",
    ".tfrecord .tfrecords .record": f"a TFRecord file, {_RECORDS}",
    ".rec .beton .mds": f"a file of records, {_RECORDS}",
    ".xlsx .xls .ods": "a spreadsheet; save it as .csv with a header line, or parquet",
    ".db .sqlite .duckdb": "a database; write its table as parquet or .csv",
    ".txt .yaml .yml .xml": "text; write a line a sample as train.jsonl or .csv",
    ".jpg .jpeg .png .webp .gif .bmp .tif .tiff": (
        "one picture; name a folder with train.jsonl, or parquet, that names pictures"
    ),
    ".gz .tgz .bz2 .xz .zst .7z .rar": _PACKED,
}
_MAGIC = {
    b"ARROW1": _ARROW,
    b"\x89HDF": _WORDS[".h5 .hdf5 .hdf .mat"],
    b"\x93NUMPY": _WORDS[".npy"],
    b"\x80\x02": _PICKLE,
    b"\x80\x04": _PICKLE,
    b"\x80\x05": _PICKLE,
    b"SQLite": _WORDS[".db .sqlite .duckdb"],
    b"PAR1": "a parquet file; give it a name that ends in .parquet",
    b"\x1f\x8b": _PACKED,
    b"{": "JSON; give it a name that ends in .jsonl, for an object a line",
    b"[": "JSON; give it a name that ends in .json, for one array",
}
LISTED = tuple(end for ends in _WORDS for end in ends.split())
"""The ends of names that `kind_of` knows."""


def kind_of(path: Path) -> str | None:
    """What a file is that is not read, and the way out; None where nothing tells.

    Its content and its name tell.
    """
    try:
        with open_regular(path) as file:
            beginning = file.read(64)
    except OSError:
        beginning = b""
    if is_lfs_pointer(beginning):
        return LFS_POINTER
    words = {end: text for ends, text in _WORDS.items() for end in ends.split()}
    kind = next((text for magic, text in _MAGIC.items() if beginning.startswith(magic)), None)
    kind = kind or words.get(path.suffix.lower())
    return f"{kind}; {_READ}" if kind else None


def check_pointer(path: Path) -> str:
    """The message on a Git LFS pointer where one stands in the file's place; else ""."""
    try:
        with open_regular(path) as file:
            return LFS_POINTER if is_lfs_pointer(file.read(64)) else ""
    except OSError:
        return ""
