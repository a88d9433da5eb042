"""Bodies above the limit, and names of other hosts, are refused before anything answers."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from gcl_spec.serve.app import create_app
from gcl_spec.serve.guards import Guards
from gcl_spec.serve.service import Service

from .conftest import MOST


def test_a_large_body_is_refused_by_what_it_says(client: TestClient) -> None:
    found = client.post("/api/search", files={"image": bytes(MOST + 1)})
    assert found.status_code == 413
    assert found.json()["error"].startswith("the request is too large; at most")
    assert found.headers["x-content-type-options"] == "nosniff"


def test_a_large_body_without_a_length_is_not_read_to_its_end(client: TestClient) -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        for _ in range(1000):
            read += MOST // 10
            yield bytes(MOST // 10)

    kind = {"content-type": "multipart/form-data; boundary=x"}
    found = client.post("/api/search", content=endless(), headers=kind)
    assert found.status_code == 413, found.text


def test_reading_stops_at_the_limit() -> None:
    """An application that reads all gets no more than the limit and one part."""
    got = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal got
        while True:
            got += len((await receive())["body"])

    async def receive() -> Any:
        return {"type": "http.request", "body": bytes(10), "more_body": True}

    async def send(message: Any) -> None:
        pass

    scope = {"type": "http", "headers": []}
    with pytest.raises(Exception, match="too large"):
        asyncio.run(Guards(app, most_bytes=95)(scope, receive, send))
    assert got == 90


@pytest.mark.parametrize("length", ["-1", "x", "9" * 500])
def test_a_length_that_is_none(client: TestClient, length: str) -> None:
    found = client.post("/api/search", content=b"", headers={"content-length": length})
    assert found.status_code == 413


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "", "[::1", "127.0.0.1"]
)
def test_a_page_elsewhere_cannot_reach_it_by_its_own_name(client: TestClient, host: str) -> None:
    found = client.get("/api/index", headers={"host": host})
    assert found.status_code == 421
    assert "not reached under that name" in found.json()["error"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "[::1]:8000"])
def test_its_names(service: Service, host: str) -> None:
    app = create_app(service, hosts=["localhost", "[::1]"])
    assert TestClient(app).get("/api/index", headers={"host": host}).status_code == 200


def test_any_name_where_it_is_meant_for_others(service: Service) -> None:
    app = create_app(service, hosts=None)
    assert TestClient(app).get("/", headers={"host": "shop.example"}).status_code == 200
