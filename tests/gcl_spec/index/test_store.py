"""Addresses of Qdrant servers, and what is said where they do not answer."""

import socket

import pytest

from gcl_spec.errors import ConfigError, FileError
from gcl_spec.index.store import Address, connect, parse_store, store_errors


@pytest.mark.parametrize(
    ("store", "url", "name"),
    [
        ("qdrant://search.example/shoes", "http://search.example:6333", "shoes"),
        ("qdrants://search.example:443/shoes/", "https://search.example:443", "shoes"),
        ("qdrant://[::1]/a-b_c.d", "http://[::1]:6333", "a-b_c.d"),
    ],
)
def test_addresses(store: str, url: str, name: str) -> None:
    assert parse_store(store) == Address(url, name)


@pytest.mark.parametrize(
    "store",
    ["", "shoes", "qdrant://", "qdrant://host", "qdrant://host/", "http://host/shoes",
     "qdrant://host:port/shoes", "qdrant://host:70000/shoes", "qdrant://key@host/shoes",
     "qdrant://host/a/b", "qdrant://host/a?b", "qdrant://host/a b", "qdrant:/host/a"],
)  # fmt: skip
def test_what_is_no_address(store: str) -> None:
    with pytest.raises(ConfigError, match=r"wanted qdrant://HOST/COLLECTION"):
        parse_store(store)


def test_a_server_that_does_not_answer_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    address = parse_store(f"qdrant://127.0.0.1:{port}/shoes")
    said = rf"cannot search http://127.0.0.1:{port}, collection shoes: .*see that the server runs"
    with pytest.raises(FileError, match=said), store_errors("search", address):
        connect(address).collection_exists("shoes")


def test_its_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QDRANT_API_KEY", "secret")
    client = connect(parse_store("qdrants://search.example/shoes"))
    assert client._client._api_key == "secret"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b'{"status":{"error":"payload is larger\\n than allowed"},"time":0.1}',
            "payload is larger",
        ),
        (b"Must provide an API key", "Must provide an API key"),
        (b"<html>\n\xff<h1>Not here</h1>" + b"x" * 9999, "<html>"),
        (b"[3]", r"\[3\]"),
        (b"", ""),
    ],
)
def test_what_a_server_says_is_told(content: bytes, said: str) -> None:
    from qdrant_client.http.exceptions import UnexpectedResponse

    address = parse_store("qdrant://search.example/shoes")
    wanted = rf"Response: 400 \(Bad Request\)[: ]*{said}.*; see"
    with (
        pytest.raises(FileError, match=wanted) as told,
        store_errors("publish to", address),
    ):
        raise UnexpectedResponse(400, "Bad Request", content, None)  # type: ignore[arg-type]
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 700
