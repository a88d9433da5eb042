"""`gcl serve`."""

from pathlib import Path

import click

from gcl_cli._options import (
    PATH,
    allow_unverified_option,
    backend_option,
    device_option,
    store_option,
)
from gcl_cli.lines import say

__all__ = ["command"]


@click.command()
@click.argument("index", type=PATH)
@click.option("--run", type=PATH, metavar="RUN", help="The run, where it was moved.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: a free one."
)
@store_option()
@backend_option()
@device_option()
@allow_unverified_option()
def command(
    index: Path,
    run: Path | None,
    host: str,
    port: int,
    store: str | None,
    backend: str,
    device: str | None,
    allow_unverified: bool,
) -> None:
    """Search INDEX on a web page: by a picture, a text, or a picture and a wish.

    The page needs no network, and only this machine reaches it unless --host names an address of
    its own. There is no password: whoever reaches it sees all pictures and texts of the index.

    \b
    curl -F text='a red boat' http://127.0.0.1:8000/api/search
    curl -F image=@boat.jpg -F text='at night' -F k=5 http://127.0.0.1:8000/api/search

    /api/openapi.json describes the API.
    """
    from gcl_spec.index import open_index
    from gcl_spec.serve.server import is_loopback, serve

    opened = open_index(
        index,
        run=run,
        backend=backend,
        device=device,
        allow_unverified=allow_unverified,
        store=store,
    )

    def ready(address: str) -> None:
        say(f"{index}, {len(opened):,} items, is at {address}   (Ctrl-C ends it)")

    if not is_loopback(host):
        say(f"warning: whoever reaches {host} sees what is in {index}", err=True)
    serve(opened, host=host, port=port, ready=ready)
