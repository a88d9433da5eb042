"""The page and the API: the same results as the index, and one sentence for whatever is wrong."""

import io
import json
import zlib
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from gcl_spec.index import Index
from gcl_spec.serve.service import Service

SECRET = "nobody shall read this"


def png(size: tuple[int, int] = (8, 8)) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, (9, 9, 220)).save(made, "PNG")
    return made.getvalue()


def bomb() -> bytes:
    """A picture whose header says 60,000 x 60,000 pixels."""
    content = bytearray(png())
    content[16:24] = (60_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


def test_the_page_asks_nobody_else(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for path, kind in (("/page.js", "text/javascript"), ("/map.js", "text/javascript"),
                       ("/pieces.js", "text/javascript"),
                       ("/page.css", "text/css"), ("/icon.svg", "image/svg+xml")):  # fmt: skip
        found = client.get(path)
        assert found.headers["content-type"].startswith(kind)
        assert path in page.text + client.get("/page.js").text
        outside = found.text.replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in outside
        assert "https://" not in outside
    assert "<script>" not in page.text
    assert "style=" not in page.text


def test_a_search_by_text_picture_both_and_item(client: TestClient, index: Index) -> None:
    picture = png()
    for data, files, want in (
        ({"text": "a red tile"}, None, index.search(text="a red tile")),
        ({}, {"image": picture}, index.search(picture)),
        ({"text": "x"}, {"image": picture}, index.search(picture, "x")),
        ({"like": "wide & odd #1.png"}, None, index.search(like="wide & odd #1.png")),
        ({"text": "a", "only": ["image", "text"]}, None,
         index.search(text="a", only=("image", "text"))),
    ):  # fmt: skip
        found = client.post("/api/search", data={"k": "10", **data}, files=files)
        assert found.status_code == 200, found.text
        assert [x["id"] for x in found.json()["hits"]] == [x.id for x in want]
        assert [x["score"] for x in found.json()["hits"]] == pytest.approx([x.score for x in want])


def test_all_that_is_asked_reaches_the_index(
    client: TestClient, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def search(image: bytes, text: str, **more: Any) -> list[Any]:
        asked.update(more, image=image, text=text)
        return []

    monkeypatch.setattr(index, "search", search)
    words = {
        "text": "a", "minus": "b", "k": "7", "only": ["image", "text"], "weight": "0.25",
        "balanced": "true", "exact": "true", "min_score": "-0.5", "calibration": "cfu",
    }  # fmt: skip
    found = client.post("/api/search", data=words, files={"image": b"p"})
    assert found.json()["hits"] == []
    assert asked == {
        "image": b"p", "text": "a", "like": None, "minus": "b", "k": 7, "only": ("image", "text"),
        "weight": 0.25, "balanced": True, "exact": True, "min_score": -0.5, "calibration": "cfu",
    }  # fmt: skip


def test_items_and_pictures(client: TestClient, service: Service) -> None:
    about = client.get("/api/index").json()
    assert about["name"] == "tiles.index"
    assert about["items"] == sum(about["modalities"].values())
    item = client.get("/api/item", params={"id": "long.txt"}).json()
    assert item["text"] == ("a tile " * 400).strip()
    assert item["picture"] is False
    picture = client.get("/api/picture", params={"id": "wide & odd #1.png"})
    assert picture.headers["content-type"] == "image/webp"
    assert picture.headers["x-content-type-options"] == "nosniff"
    assert picture.content == service.picture("wide & odd #1.png")
    points = client.get("/api/points", params={"count": 4}).json()
    assert len(points["items"]) == len(points["x"]) == 4


def test_the_api_is_described(client: TestClient) -> None:
    found = client.get("/api/openapi.json").json()
    assert set(found["paths"]) == {
        "/api/search", "/api/index", "/api/item", "/api/picture", "/api/points"
    }  # fmt: skip
    form = json.dumps(found["paths"]["/api/search"]["post"]["requestBody"])
    assert "multipart/form-data" in form
    assert client.get("/docs").status_code == 404


PATHS = [
    "/../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "/page/../../secret.txt",
    "//etc/passwd", "/etc/passwd", "/%00", "/page.css/red.png", "/api/", "/api/picture/red.png",
    "/static/page.css", "/index.html", "/page.js%00.png", "/\\..\\secret.txt", "/.env",
]  # fmt: skip
IDS = [
    "", "nobody", "../secret.txt", "../../etc/passwd", "/etc/passwd", "..%2fsecret.txt",
    "file:///etc/passwd", "a\0b", "' OR '1'='1", "x'; DROP TABLE items; --", "\ud800".encode(
        "utf-8", "surrogatepass").decode("latin-1"), "red.png/../../secret.txt", "a" * 5000,
    "red.png\n", "{}", "*", "%",
]  # fmt: skip
QUERIES: list[tuple[dict[str, Any], bytes | None]] = [
    ({}, None),
    ({"text": ""}, None),
    ({"text": "   "}, None),
    ({"text": "a" * 150_000}, None),
    ({"text": "a", "k": "0"}, None),
    ({"text": "a", "k": "-1"}, None),
    ({"text": "a", "k": "1e9"}, None),
    ({"text": "a", "k": "99999999999999999999"}, None),
    ({"text": "a", "only": "video"}, None),
    ({"text": "a", "only": "image' OR '1'='1"}, None),
    ({"text": "a", "only": ["image", "x\0"]}, None),
    ({"text": "a", "weight": "0.5"}, None),
    ({"text": "a", "weight": "nan"}, png()),
    ({"text": "a", "weight": "7"}, png()),
    ({"text": "a", "min_score": "inf"}, None),
    ({"text": "a", "min_score": "high"}, None),
    ({"text": "a", "balanced": "perhaps"}, None),
    ({"text": "a", "calibration": "../x"}, None),
    ({"text": "a", "like": "red.png"}, None),
    ({"like": "../secret.txt"}, None),
    ({"like": "red.png"}, png()),
    ({"minus": "a"}, None),
    ({"image": "/etc/passwd"}, None),
    ({}, b""),
    ({}, b"no picture"),
    ({}, b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>"),
    ({}, b"/etc/passwd"),
    ({}, png()[:40]),
    ({}, bomb()),
    ({}, b"\x89PNG\r\n\x1a\n" + bytes(150_000)),
    ({}, b"GIF89a" + b"\xff" * 9000),
    ({}, b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) run"),
]


def refused(found: Any) -> None:
    assert 400 <= found.status_code < 500, found.text
    assert SECRET not in found.text
    assert "root:" not in found.text
    said = found.json()["error"]
    assert said
    assert "\n" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize("path", PATHS)
def test_no_path_of_a_request_is_opened(client: TestClient, path: str) -> None:
    refused(client.get(path))


@pytest.mark.parametrize("id", IDS, ids=range(len(IDS)))
def test_no_id_is_a_path(client: TestClient, id: str) -> None:
    for path in ("/api/picture", "/api/item"):
        refused(client.get(path, params={"id": id}))


@pytest.mark.parametrize(("data", "picture"), QUERIES, ids=range(len(QUERIES)))
def test_what_is_no_query_is_one_sentence(
    client: TestClient, data: dict[str, Any], picture: bytes | None
) -> None:
    refused(client.post("/api/search", data=data, files=picture is not None and {"image": picture}))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n"),
        ("multipart/form-data", b"text=a"),
        ("application/json", b"{"),
        ("application/json", b'{"text": "a"}'),
        ("application/x-www-form-urlencoded", b"&".join(b"a=b" for _ in range(9000))),
        ("text/plain", b"\0"),
    ],
)
def test_bodies_of_other_kinds(client: TestClient, kind: str, body: bytes) -> None:
    refused(client.post("/api/search", content=body, headers={"content-type": kind}))


def test_other_methods_and_unknown_sides(client: TestClient) -> None:
    refused(client.get("/api/search"))
    refused(client.delete("/api/item", params={"id": "red.png"}))
    refused(client.get("/api/picture", params={"id": "red.png", "side": "10000"}))
    refused(client.get("/api/points", params={"count": "-1"}))
    refused(client.get("/api/picture"))


def test_after_all_that_the_index_is_as_before(client: TestClient, index: Index) -> None:
    assert client.get("/api/index").json()["items"] == len(index) == 6
    assert client.post("/api/search", data={"text": "a red tile"}).status_code == 200
