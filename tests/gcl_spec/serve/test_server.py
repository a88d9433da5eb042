"""A server on the loopback: found by its address, ended by SIGINT, refused where it cannot be."""

import json
import signal
import socket
import sys
import threading
import urllib.error
import urllib.request

import pytest

from gcl_spec.errors import ConfigError, MissingFrameworkError
from gcl_spec.index import Index
from gcl_spec.serve.server import is_loopback, serve
from gcl_spec.serve.service import Service


def test_it_serves_until_it_is_interrupted(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, object] = {}
    monkeypatch.setattr(Service, "warm_up", lambda service: found.update(warm=True))

    def ready(address: str) -> None:
        assert found == {"warm": True}

        def ask() -> None:
            try:
                with urllib.request.urlopen(f"{address}api/index", timeout=20) as answer:
                    found.update(json.load(answer), address=address)
                other = urllib.request.Request(address, headers={"Host": "evil.example"})
                urllib.request.urlopen(other, timeout=20).close()
            except urllib.error.HTTPError as error:
                found["refused"] = error.code
                error.close()
            finally:
                signal.raise_signal(signal.SIGINT)

        threading.Thread(target=ask, daemon=True).start()

    with pytest.raises(KeyboardInterrupt):
        serve(index, host="127.0.0.1", port=0, ready=ready)
    assert (found["name"], found["refused"]) == ("tiles.index", 421)
    assert str(found["address"]).startswith("http://127.0.0.1:")


def test_an_address_that_cannot_be_had_is_one_line(index: Index) -> None:
    def never(address: str) -> None:
        raise AssertionError(address)

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"127.0.0.1, port {port}: Address already in use"):
            serve(index, host="127.0.0.1", port=port, ready=never)
    for host in ("203.0.113.1", "no such name", "a" * 300):
        with pytest.raises(ConfigError, match="cannot listen at"):
            serve(index, host=host, port=0, ready=never)


def test_without_fastapi(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(MissingFrameworkError, match=r"pip install 'gcl-spec\[serve\]'"):
        serve(index, host="127.0.0.1", port=0, ready=print)


@pytest.mark.parametrize(
    ("host", "alone"),
    [("localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True),
     ("0.0.0.0", False), ("::", False), ("192.168.1.2", False), ("example.org", False)],
)  # fmt: skip
def test_which_addresses_are_this_machine_alone(host: str, alone: bool) -> None:
    assert is_loopback(host) is alone
