"""The pieces of which the sections of the page are made: text, items, tables."""

import base64
import html
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import TypeAlias

from gcl_spec._words import escaped
from gcl_spec.objective import name_parts
from gcl_spec.tasks.task import Item

__all__ = ["ReadImage", "escape", "figure_card", "item_card", "page", "plain_table", "spaced"]

ReadImage: TypeAlias = Callable[[str], bytes]
"""Gives a small WebP of a picture, by the path in an item."""


def page(title: str, body: Sequence[str]) -> str:
    """A whole page of sections, without outside resources."""
    css = files("gcl_spec.report").joinpath("report.css").read_text()
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{css}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


def figure_card(value: str, label: str, first: float, last: float, digits: int) -> str:
    """A figure after a training as a card, with what it was before, and its change.

    Args:
        value: the figure as it is shown.
        label: what it is.
        first, last: the numbers before and after.
        digits: of both, and of their difference.
    """
    kind = "up" if last >= first else "down"
    change = f'<span class="{kind}">{last - first:+.{digits}f}</span>'
    return (
        f'<div class="card"><b>{escape(value)}</b><span>{escape(label)}<br>'
        f"before {first:.{digits}f}, {change}</span></div>"
    )


def item_card(item: Item, read_image: ReadImage, hit: bool = False) -> str:
    """An item as a small card, with a green frame where it is a hit."""
    picture = ""
    if item.image is not None:
        data = base64.b64encode(read_image(item.image)).decode()
        picture = f'<img alt="" src="data:image/webp;base64,{data}">'
    text = f"<div>{escape(item.text)}</div>" if item.text is not None else ""
    others = [(name, value) for name, value in item.content if name not in ("image", "text")]
    text += "".join(f"<div>{escape(f'{name} {value}')}</div>" for name, value in others)
    return f'<div class="item{" hit" if hit else ""}">{picture}{text}</div>'


def plain_table(rows: Sequence[Sequence[str]]) -> str:
    """A table whose first row is its head."""
    head, *body = rows
    lines = ["".join(f"<th>{escape(cell)}</th>" for cell in head)]
    lines += ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in body]
    cells = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="panel"><table class="plain">{cells}</table></div>'


def spaced(modality: str) -> str:
    """The name of a modality with room to break, "image + text" for "image+text"."""
    return " + ".join(name_parts(modality))


def escape(text: str) -> str:
    """Text as HTML, which shows marks that turn the direction of writing."""
    return html.escape(escaped(text))
