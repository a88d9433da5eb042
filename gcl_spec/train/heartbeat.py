"""Lets the processes of a run hear each other's heartbeats, so that none waits for one that hangs.

A process that is stopped, or whose machine is gone, keeps its connections open, and the others wait
for it in the next exchange for as long as their framework lets them, which may be for ever. So a
thread of each process tells the first one every few seconds that it lives, and the first one tells
the others. A process that computes or writes for hours lives; only silence counts.
"""

import atexit
import os
import random
import selectors
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from gcl_spec.backend import World
from gcl_spec.errors import GclError, TrainingError
from gcl_spec.progress import warn

__all__ = ["watched"]

_GRACE = 5.0
"""The seconds in which a process that has lost another may end by itself, such as after a save."""


_LONGEST = 4096
"""The most bytes of a line."""


@contextmanager
def watched(world: World, seconds: float) -> Iterator[None]:
    """Let a process that is silent for `seconds`, or has gone, end the others within this block.

    Each of them says in one line which one it was. A process that waits in an exchange cannot be
    woken and ends at once, as by kill -9; the others raise.

    Args:
        world: the world of all processes, which all call this; one alone is not watched.
        seconds: the option `train.timeout`; with 0 no process is watched.

    Raises:
        TrainingError: another process is silent, has gone, or has failed.
    """
    watch = _opened(world, seconds) if world.size > 1 and world.host and seconds else None
    try:
        yield
    except GclError:
        if watch is not None:
            watch.close("failed")
        raise
    except Exception as error:
        if not world.lost(error):
            raise
        reason = watch.reason_within(1.0) if watch is not None else ""
        said = reason or f"an exchange failed: {' '.join(str(error).split())[:200]}"
        atexit.register(_end)  # the framework's own end would wait for the others, or abort
        raise TrainingError(_message(world, said)) from error
    finally:
        if watch is not None:
            watch.close("failed" if sys.exc_info()[0] else "bye")


def _message(world: World, reason: str) -> str:
    return (
        f"process {world.rank} of {world.size} cannot go on: {reason}; the last checkpoint is "
        "kept: end what is left of the run, then go on with --resume"
    )


def _end() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(TrainingError.exit_code)


def _opened(world: World, seconds: float) -> "_Watch | None":
    """Connect with the first process, by its port and a word that it tells all."""
    listener = None
    if world.rank == 0:
        with suppress(OSError):
            listener = socket.create_server((_own_address(world.host), 0), backlog=world.size)
            listener.setblocking(False)
    port = world.first(listener.getsockname()[1] if listener is not None else 0)
    word = str(world.first(random.SystemRandom().randrange(2**31)))
    peer = None
    if port and world.rank:
        with suppress(OSError):
            peer = socket.create_connection((world.host, port), timeout=seconds)
            peer.sendall(f"{word} {world.rank}\n".encode())
    world.barrier()  # the first one may fail at once, but not before all have reached it
    if listener is None and peer is None:
        warn(f"process {world.rank} cannot be watched: no connection to {world.host}:{port}")
        return None
    return _Watch(world, seconds, listener, peer, word)


def _own_address(host: str) -> str:
    """The address where the first process listens; nothing outside of one machine reaches it."""
    return host if host == "localhost" or host.startswith("127.") else ""


class _Peer:
    """A connection, what came by it, and when; `rank` is None until the peer has said the word."""

    def __init__(self, connection: socket.socket, rank: int | None) -> None:
        connection.setblocking(False)
        self.connection, self.rank = connection, rank
        self.heard = time.monotonic()
        self._text = b""

    def lines(self) -> list[str] | None:
        """The lines that it has said since the last call; None at its end."""
        try:
            content = self.connection.recv(4096)
        except BlockingIOError:
            return []
        except OSError:
            return None
        self.heard = time.monotonic()
        *lines, self._text = (self._text + content).split(b"\n")
        if len(self._text) > _LONGEST:  # this is a stranger, of whom nothing is kept
            return None
        return [line.decode(errors="replace") for line in lines] if content else None

    def say(self, line: str) -> None:
        """Send a line; what the peer's buffer does not take, because it hangs, is lost."""
        with suppress(OSError):
            self.connection.send(f"{line}\n".encode())


class _Watch:
    """The thread of one process; that of the first one has a connection to each other process."""

    def __init__(
        self,
        world: World,
        seconds: float,
        listener: socket.socket | None,
        first: socket.socket | None,
        word: str,
    ) -> None:
        self._world, self._seconds, self._word = world, seconds, word
        self._beat = min(seconds / 5, 5.0)
        self._listener = listener
        self._peers = [] if first is None else [_Peer(first, 0)]
        self._wake, self._woken = socket.socketpair()
        self._closed = threading.Lock()
        self._said = ""
        self._lost = threading.Event()
        self._reason = ""
        self._thread = threading.Thread(target=self._run, name="gcl-heartbeat", daemon=True)
        self._thread.start()

    def reason_within(self, seconds: float) -> str:
        """Why another process cannot answer, as soon as that is known; "" where it is not."""
        self._lost.wait(seconds)
        return self._reason

    def close(self, last: str) -> None:
        """End the watch; the others hear "bye", or that this process has "failed"."""
        with self._closed:
            if self._said:
                return
            self._said = last
        with suppress(OSError):  # the thread may have ended by itself
            self._wake.send(b".")
        self._thread.join()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for source in (self._listener, self._woken, *(p.connection for p in self._peers)):
                if source is not None:
                    selector.register(source, selectors.EVENT_READ)
            turn = time.monotonic()
            while not self._said and not self._reason:
                ready: set[object] = {key.fileobj for key, _ in selector.select(self._beat)}
                now = time.monotonic()
                if now - turn > self._seconds / 2:  # this process was stopped, not the others
                    for peer in self._peers:
                        peer.heard = now
                turn = now
                self._listen(selector, ready)
                for peer in self._peers:
                    peer.say("beat")
            self._leave()

    def _listen(self, selector: selectors.BaseSelector, ready: set[object]) -> None:
        for peer in self._accepted():
            selector.register(peer.connection, selectors.EVENT_READ)
        for peer in list(self._peers):
            if peer.connection in ready:
                self._hear(selector, peer)
            if peer.rank is not None and time.monotonic() - peer.heard > self._seconds:
                self._loses(f"process {peer.rank} has not answered for {self._seconds:g} s")

    def _accepted(self) -> list[_Peer]:
        """The processes, or strangers, that have connected since; they are peers from now on."""
        peers: list[_Peer] = []
        with suppress(OSError):  # this says that there is no further one
            while self._listener is not None:
                peers.append(_Peer(self._listener.accept()[0], None))
        self._peers += peers
        return peers

    def _hear(self, selector: selectors.BaseSelector, peer: _Peer) -> None:
        lines = peer.lines()
        if lines is None and peer.rank is not None:
            self._loses(f"process {peer.rank} has gone")
        for line in lines or ():
            if peer.rank is None:
                word, _, rank = line.partition(" ")
                peer.rank = int(rank) if word == self._word and rank.isdecimal() else None
                if peer.rank is None:  # a stranger
                    lines = None
            elif line == "failed":
                self._loses(f"process {peer.rank} has failed, and its own message says why")
            elif line.startswith("lost "):
                self._loses(line[5:])
            elif line == "bye":
                lines = None
        if lines is None:
            selector.unregister(peer.connection)
            peer.connection.close()
            if peer in self._peers:
                self._peers.remove(peer)

    def _loses(self, reason: str) -> None:
        if reason.startswith(f"process {self._world.rank} "):
            reason = f"it did not answer for {self._seconds:g} s, and the others have ended"
        self._reason = self._reason or reason
        self._lost.set()

    def _leave(self) -> None:
        """Tell the others, and end the process where its main thread does not come to its end."""
        self._accepted()
        for peer in self._peers:
            peer.say(f"lost {self._reason}" if self._reason else self._said)
        if self._reason and not self._said:
            # The first process ends last, since others may hang on a framework's service in it.
            deadline = time.monotonic() + _GRACE + 2.0 * (self._world.rank == 0)
            while not self._said and time.monotonic() < deadline:
                time.sleep(0.05)
            if not self._said:
                with suppress(OSError, ValueError, AttributeError):
                    print(f"error: {_message(self._world, self._reason)}", file=sys.stderr)
                _end()
        for connection in (
            self._listener,
            self._wake,
            self._woken,
            *(p.connection for p in self._peers),
        ):
            if connection is not None:
                connection.close()
