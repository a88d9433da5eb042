"""Folders that cannot be read, also where tests run as root."""

import os

import pytest


def closed_to(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """From now on folders of this name cannot be listed."""
    scan = os.scandir

    def closed(path: "str | os.PathLike[str]" = ".") -> object:
        if os.path.basename(os.fspath(path)) == name:  # noqa: PTH119
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", closed)
