"""A Qdrant server as `qdrant://HOST:PORT/COLLECTION`, its client, and its errors."""

import json
import os
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gcl_spec._words import one_line
from gcl_spec.errors import ConfigError
from gcl_spec.index.one_error import first_line, one_error

__all__ = ["KEY", "Address", "connect", "parse_store", "store_errors"]

KEY = "QDRANT_API_KEY"
"""The variable of the environment with the key of a server that wants one."""
_SCHEMES = {"qdrant": "http", "qdrants": "https"}
_PORT = 6333
_SECONDS = 60
_MOST = 300  # characters of what a server says


@dataclass(frozen=True, slots=True)
class Address:
    """A collection of a server.

    url: of the server's REST interface. collection: the name.
    """

    url: str
    collection: str

    def __str__(self) -> str:
        return f"{self.url}, collection {self.collection}"


def parse_store(store: str) -> Address:
    """The address in `qdrant://HOST:PORT/COLLECTION`; `qdrants://` goes by TLS.

    >>> parse_store("qdrant://search.example/shoes")
    Address(url='http://search.example:6333', collection='shoes')

    Raises:
        ConfigError: it is none.
    """
    try:
        parts = urlsplit(store)
        host, port, name = parts.hostname or "", parts.port or _PORT, parts.path.strip("/")
    except ValueError:
        host, port, name = "", 0, ""
    scheme = _SCHEMES.get(store.partition("://")[0])
    plain = not any(letter in store for letter in "@?#\\ ") and "/" not in name
    if not scheme or not host or not name or not plain:
        raise ConfigError(
            f"--store {store:.200}: wanted qdrant://HOST/COLLECTION, or qdrants:// for TLS; the "
            f"port is {_PORT} unless named, and the key comes from {KEY}"
        )
    shown = f"[{host}]" if ":" in host else host
    return Address(f"{scheme}://{shown}:{port}", name)


def connect(address: Address) -> Any:
    """The client of a server, which has not been asked for anything yet.

    Raises:
        ConfigError: the package qdrant-client is not installed.
    """
    try:
        from qdrant_client import QdrantClient
    except ImportError as error:
        raise ConfigError(
            f"a Qdrant server needs its client: pip install 'gcl-spec[qdrant]' ({error})"
        ) from error
    key = os.environ.get(KEY) or None
    return QdrantClient(url=address.url, api_key=key, timeout=_SECONDS, check_compatibility=False)


def store_errors(what: str, address: Address) -> AbstractContextManager[None]:
    """A block whose errors of the client become a `FileError` of one line.

    Args:
        what: the work, such as "search".
        address: the collection.
    """
    from qdrant_client.common.client_exceptions import QdrantException
    from qdrant_client.http.exceptions import ApiException

    kinds = (ApiException, QdrantException, OSError, RuntimeError, ValueError)
    return one_error(what, str(address), kinds, _told)


def _told(error: Exception) -> tuple[str, str]:
    answer = getattr(error, "content", b"")  # of an answer that refuses; its text is not the first
    said = ": ".join(filter(None, (first_line(error), _reason(answer))))
    return said, (
        f"see that the server runs and is reached at this address, and that {KEY} is its key, then "
        "give the same command again"
    )


def _reason(answer: bytes) -> str:
    """What the JSON of an answer gives as its error; the beginning of another text."""
    text = answer.decode(errors="replace").strip()
    with suppress(ValueError, KeyError, TypeError):
        text = str(json.loads(text)["status"]["error"])
    return one_line(text)[:_MOST]
