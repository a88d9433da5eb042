"""The packages the starter set is made from, by name and version, and their unpacking."""

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


SOURCES = (
    Source(
        "@lobehub/fluent-emoji-3d", "1.1.0", "lobehub-fluent-emoji-3d-1.1.0", "MIT",
        "Microsoft Fluent Emoji, 3D style",
    ),
    Source(
        "@iconify-json/noto", "1.2.9", "iconify-json-noto-1.2.9", "Apache-2.0", "Google Noto Emoji"
    ),
    Source(
        "@iconify-json/twemoji", "1.2.5", "iconify-json-twemoji-1.2.5", "CC-BY-4.0",
        "Twitter Emoji (Twemoji)",
    ),
    Source(
        "emojibase-data", "17.0.0", "emojibase-data-17.0.0", "MIT; Unicode-3.0",
        "names and tags of emoji",
    ),
    Source(
        "openclipart-png", "1:0.18+dfsg-19", "openclipart-png_", "public domain",
        "Open Clip Art Library, pictures",
    ),
    Source(
        "openclipart-svg", "1:0.18+dfsg-19", "openclipart-svg_", "public domain",
        "Open Clip Art Library, titles, keywords and descriptions",
    ),
)  # fmt: skip


def fetch(source: Source, folder: Path) -> Path:
    """The downloaded package in `folder`, downloaded now where it is not there."""
    found = sorted(folder.glob(f"{source.stem}*"))
    if not found:
        if source.stem.endswith("_"):
            command = ["apt-get", "download", f"{source.package}={source.version}"]
        else:
            command = ["npm", "pack", "--silent", f"{source.package}@{source.version}"]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        found = sorted(folder.glob(f"{source.stem}*"))
    return next(path for path in found if path.suffix in (".tgz", ".deb"))


def unpack(path: Path, folder: Path) -> Path:
    """The package's content in `folder`."""
    folder.mkdir(parents=True)
    if path.suffix == ".deb":
        subprocess.run(["dpkg-deb", "-x", str(path), str(folder)], check=True)
        return folder / "usr" / "share" / "openclipart"
    with tarfile.open(path) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package"
