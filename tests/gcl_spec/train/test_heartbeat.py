"""Heartbeats of two processes, played by threads: who fails is named, who lives is left alone."""

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from gcl_spec.errors import CheckpointError, TrainingError
from gcl_spec.train import heartbeat
from thread_world import SIZE, Member, in_threads


class Watched(Member):
    host = "127.0.0.1"


def watch_in_threads(act: Callable[[int], None], seconds: float = 60.0) -> list[Any]:
    """What each of two watched members raised while it did `act`; None where it ended well."""

    def one(member: Member) -> None:
        member.__class__ = Watched
        with heartbeat.watched(member, seconds):
            act(member.rank)

    return in_threads(one)


def test_heartbeats_of_processes_that_end_well() -> None:
    assert watch_in_threads(lambda rank: time.sleep(0.5 * rank)) == [None, None]
    assert watch_in_threads(lambda rank: time.sleep(1.5 * (1 - rank)), 1.0) == [None, None]


@pytest.mark.parametrize("failing", range(SIZE))
def test_an_exchange_that_fails_names_the_process_that_has_failed(
    monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    ends: list[Any] = []
    monkeypatch.setattr(heartbeat.atexit, "register", ends.append)

    def act(rank: int) -> None:
        if rank == failing:
            raise CheckpointError("its own message")
        time.sleep(0.5)
        raise threading.BrokenBarrierError

    found = watch_in_threads(act)
    assert str(found[failing]) == "its own message"
    assert isinstance(found[1 - failing], TrainingError)
    said = f"process {1 - failing} of 2 cannot go on: process {failing} has failed, and its own"
    assert str(found[1 - failing]).startswith(said)
    assert len(ends) == 1


def test_other_errors_stay_what_they_are() -> None:
    def act(rank: int) -> None:
        raise ZeroDivisionError(rank)

    assert list(map(type, watch_in_threads(act))) == [ZeroDivisionError, ZeroDivisionError]


def test_strangers_are_none_of_ours() -> None:
    """A port scanner that connects, says something, or nothing, and goes."""
    ports: list[int] = []

    class Talks(Watched):
        def first(self, number: int, /) -> int:
            found = super().first(number)
            ports.append(found)
            return found

    def one(member: Member) -> None:
        member.__class__ = Talks
        with heartbeat.watched(member, 60.0):
            if member.rank == 1:
                for said in (b"GET / HTTP/1.0\n\n", b"", b"word 1\n", b"\xff\n"):
                    with socket.create_connection(("127.0.0.1", ports[0])) as connection:
                        connection.sendall(said)
            member.barrier()

    assert in_threads(one) == [None, None]


def test_a_stranger_is_not_listened_to_for_long() -> None:
    """A peer that never ends its line is let go; what it has sent is not collected."""
    ours, theirs = socket.socketpair()
    peer = heartbeat._Peer(ours, None)
    with ours, theirs:
        theirs.sendall(b"x" * 3000)
        assert peer.lines() == []
        theirs.sendall(b"x" * 3000)
        assert peer.lines() is None


@pytest.mark.parametrize(
    ("host", "found"), [("127.0.0.1", "127.0.0.1"), ("localhost", "localhost"), ("node-3", "")]
)
def test_processes_of_one_machine_listen_to_nothing_outside(host: str, found: str) -> None:
    assert heartbeat._own_address(host) == found
