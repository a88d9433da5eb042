"""An index of a user's items, which is searched by pictures, texts, or both together.

Start reading at `index`; `gcl_spec.open_index` gives users the same. The items and their rows lie
in a table of LanceDB (`table`), of which each commit is there whole or not at all. The
names here are imported when they are first used.
"""

from typing import TYPE_CHECKING

from gcl_spec._lazy import lazy

if TYPE_CHECKING:
    from gcl_spec.index.hit import Hit
    from gcl_spec.index.index import Index
    from gcl_spec.index.items import Added
    from gcl_spec.index.open import open_index

__all__ = [
    "Added",
    "Hit",
    "Index",
    "open_index",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Added": "items",
        "Hit": "hit",
        "Index": "index",
        "open_index": "open",
    },
)
