"""A served index of a few tiles, by a model in NumPy."""

from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

from gcl_spec.index import Index
from gcl_spec.serve.app import create_app
from gcl_spec.serve.service import Service
from indexed import added, opened, write_folder

MOST = 200_000


@pytest.fixture(scope="package")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    place: Path = tmp_path_factory.mktemp("served")
    data = write_folder(place / "data")
    Image.new("RGB", (900, 300), (250, 250, 10)).save(data / "wide & odd #1.png")
    (data / "long.txt").write_text("a tile " * 400)
    (place / "secret.txt").write_text("nobody shall read this")
    added(place / "tiles.index", data)
    return opened(place / "tiles.index")


@pytest.fixture(scope="package")
def service(index: Index) -> Service:
    return Service(index)


@pytest.fixture(scope="package")
def client(service: Service) -> TestClient:
    app = create_app(service, hosts=["localhost"], most_bytes=MOST)
    return TestClient(app, base_url="http://localhost:8000", raise_server_exceptions=False)
