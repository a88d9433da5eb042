"""Reads the training rows of MMEB v1 (VLM2Vec, arXiv 2410.05160): query, right and wrong answer.

<set>/original-00000-of-00001.parquet has the columns qry, qry_image_path, pos_text, pos_image_path,
neg_text and neg_image_path. Two other files have the same rows under other instructions:
diverse_instruction-... and, for some sets, train-...; ImageNet-1K is called ImageNet_1K there.
"""

from collections.abc import Iterator
from typing import NamedTuple

from gcl_spec.data.root import Root
from gcl_spec.errors import DataError
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.mmeb import plain_text
from gcl_spec.tasks.parquet_rows import parquet_rows, parquet_table, shards

__all__ = ["VERSIONS", "Triplet", "read_triplets"]

VERSIONS = ("original", "diverse_instruction", "train")
"""The files of a set, of which the first that is there is read."""

_COLUMNS = ("qry", "qry_image_path", "pos_text", "pos_image_path")
_WRONG = ("neg_text", "neg_image_path")


class Triplet(NamedTuple):
    """One row; `wrong` is None where the row names no wrong answer."""

    place: str
    query: Item
    right: Item
    wrong: Item | None


def read_triplets(
    root: Root, name: str, *, version: str = "", as_published: bool = False
) -> Iterator[Triplet]:
    """The training rows of a set, in their order.

    Args:
        root: the folder MMEB-train.
        name: the set.
        version: one of `VERSIONS`.
        as_published: keep the pictures' markers and blanks in texts.

    Raises:
        DataError: there is no such file, or a row is malformed.
    """
    names = (name, name.replace("ImageNet-", "ImageNet_"))
    tries = [f"{one}/{v}" for one in names for v in ([version] if version else VERSIONS)]
    paths = shards(root, tries)
    if not paths:
        raise DataError(
            f"{root.name}: no training rows of {name}, {tries[0]}-00000-of-00001.parquet; name the "
            "folder that holds the sets of MMEB-train"
        )
    table = parquet_table(root, paths, _COLUMNS)
    columns = (*_COLUMNS, *(_WRONG if {*_WRONG} <= {*table.names} else ()))
    for place, cells in parquet_rows(table, columns):
        items = [
            _item(place, what, text, image, as_published)
            for what, text, image in zip(
                ("query", "right answer", "wrong answer"), cells[::2], cells[1::2], strict=False
            )
        ]
        query, right, wrong = (*items, None)[:3]
        if query is None or right is None:
            what = "query" if query is None else "right answer"
            raise DataError(f"{place}: its {what} has neither text nor picture; remove the row")
        yield Triplet(place, query, right, wrong)


def _item(place: str, what: str, text: object, image: object, as_published: bool) -> Item | None:
    for value in (text, image):
        if value is not None and not isinstance(value, str):
            raise DataError(f"{place}: text and picture of its {what} must be texts: {value!r:.80}")
    words, path = str(text or ""), str(image or "")
    plain = plain_text(words)
    if not plain and not path:
        return None
    return Item("", image=path or None, text=(words if as_published else plain) or None)
