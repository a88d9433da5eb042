"""Serves an index until it is interrupted."""

import socket
from collections.abc import Callable
from ipaddress import ip_address

from gcl_spec.errors import ConfigError, MissingFrameworkError
from gcl_spec.index.index import Index

__all__ = ["is_loopback", "serve"]

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_CONNECTIONS = 100


def serve(index: Index, *, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve a page and an API that search an index, until SIGINT or SIGTERM.

    The model is loaded and used first, so that an index of another model is refused before anybody
    asks, and the first search is as fast as the others.

    Args:
        index: what is served.
        host: an address of this machine; one that is not of the loopback lets others in.
        port: 0 stands for one that is free.
        ready: hears of the address of the page when it can be reached.

    Raises:
        ConfigError: the address cannot be had.
        MissingFrameworkError: FastAPI or uvicorn is not installed.
        GclError: the index cannot be searched.
    """
    try:
        import uvicorn

        from gcl_spec.serve.app import create_app
        from gcl_spec.serve.service import Service
    except ImportError as error:
        raise MissingFrameworkError(
            f"a page needs FastAPI and uvicorn: pip install 'gcl-spec[serve]' ({error})"
        ) from error
    with _listening(host, port) as listener:
        service = Service(index)
        service.warm_up()
        app = create_app(service, hosts=_LOOPBACK if is_loopback(host) else None)
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, limit_concurrency=_CONNECTIONS
        )
        shown = f"[{host}]" if ":" in host else host
        ready(f"http://{shown}:{listener.getsockname()[1]}/")
        uvicorn.Server(config).run(sockets=[listener])


def is_loopback(host: str) -> bool:
    """Is an address reached from this machine alone?"""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
    except (OSError, OverflowError, UnicodeError) as error:
        said = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"cannot listen at {host}, port {port}: {said}; choose another with --port or --host"
        ) from error
    return listener
