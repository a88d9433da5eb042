"""What every request passes first: the size of its body, the host it names, headers of answers."""

import json
from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guards"]

_HEADERS = {
    # The page has no inline scripts or styles, and asks nobody else for anything.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob:; connect-src 'self'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


class Guards:
    """An ASGI middleware.

    A body above the limit is refused before it is read, or where it says no length, as soon as so
    much was read. A page of another site could reach a server on this machine by a name that leads
    to 127.0.0.1 (DNS rebinding); it would give that name as the host, and is refused.

    Args:
        app: who answers what passes.
        most_bytes: the largest body.
        hosts: the names under which the server is reached; None: any.
    """

    def __init__(
        self, app: "ASGIApp", *, most_bytes: int, hosts: Collection[str] | None = None
    ) -> None:
        self._app, self._most, self._hosts = app, most_bytes, hosts

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): x.decode("latin-1") for name, x in scope["headers"]}

        async def sent(message: "Message") -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message["headers"] = [*message.get("headers", ()), *own]
            await send(message)

        if self._hosts is not None and _name(headers.get("host", "")) not in self._hosts:
            await _refuse(sent, 421, "this server is not reached under that name; see gcl serve")
            return
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > self._most:
            await _refuse(sent, 413, self._too_large())
            return
        await self._within(scope, receive, sent)

    async def _within(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        from starlette.exceptions import HTTPException

        total = 0

        async def counted() -> "Message":
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            if total > self._most:
                raise HTTPException(413, self._too_large())
            return message

        await self._app(scope, counted, send)

    def _too_large(self) -> str:
        return f"the request is too large; at most {self._most // 2**20} MB are read"


def _name(host: str) -> str:
    """The name in a Host header, without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].lower()


async def _refuse(send: "Send", status: int, why: str) -> None:
    body = json.dumps({"error": why}).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
