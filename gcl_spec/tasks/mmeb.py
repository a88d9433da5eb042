"""Reads MMEB v1 (VLM2Vec, arXiv 2410.05160): each query chooses among candidates of its own.

<set>/test-00000-of-00001.parquet has the columns qry_text, qry_img_path, tgt_text and tgt_img_path;
the last two are lists, of which the first entry is the right one. "" stands for no text and no
picture. The pictures lie in eval_images/ or images/.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from gcl_spec.data.formats.mmeb import plain_text
from gcl_spec.data.root import Root
from gcl_spec.errors import DataError
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.parquet_rows import parquet_rows, parquet_table, shards
from gcl_spec.tasks.task import Task

__all__ = ["KINDS", "SETS", "read"]

_KINDS = {
    "classification": "ImageNet-1K N24News HatefulMemes VOC2007 SUN397 Place365 ImageNet-A "
    "ImageNet-R ObjectNet Country211",
    "question answering": "OK-VQA A-OKVQA DocVQA InfographicsVQA ChartQA Visual7W ScienceQA VizWiz "
    "GQA TextVQA",
    "retrieval": "VisDial CIRR VisualNews_t2i VisualNews_i2t MSCOCO_t2i MSCOCO_i2t NIGHTS WebQA "
    "FashionIQ Wiki-SS-NQ OVEN EDIS",
    "grounding": "MSCOCO RefCOCO RefCOCO-Matching Visual7W-Pointing",
}
KINDS = {kind: tuple(names.split()) for kind, names in _KINDS.items()}
"""The 36 sets by kind."""

SETS: tuple[str, ...] = KINDS["retrieval"]
"""The twelve sets of the GCL paper's table."""

_COLUMNS = ("qry_text", "qry_img_path", "tgt_text", "tgt_img_path")
_PICTURES = ("eval_images/", "images/", "MMEB-eval/eval_images/", "MMEB-eval/images/")


def read(root: Root, names: Sequence[str] = (), *, as_published: bool = False) -> tuple[Task, ...]:
    """The tasks; `choices` says among which candidates each query chooses.

    A row is a query, so the same query with other candidates is another one; equal candidates of a
    set are one.

    Args:
        root: the folder MMEB-eval, or the one in which it lies.
        names: the sets; by default all of `SETS` that are there.
        as_published: keep the marker of pictures, `<|image_1|>`, and blanks in texts, as VLM2Vec's
            CLIP baseline does.

    Raises:
        DataError: a file is missing or malformed.
    """
    files = {name: _files(root, name) for name in names or SETS}
    if not any(files.values()):
        raise DataError(
            f"{root.name}: no MMEB here, since there is no {next(iter(files))}/test-00000-of-00001"
            ".parquet; name the folder that holds the sets"
        )
    missing = [name for name, paths in files.items() if not paths]
    if names and missing:
        raise DataError(f"{root.name}: no test file of {', '.join(missing)}; fetch it")
    return tuple(_task(root, name, paths, as_published) for name, paths in files.items() if paths)


def _files(root: Root, name: str) -> list[str]:
    return shards(root, [f"{folder}{name}/test" for folder in ("", "MMEB-eval/")])


def _task(root: Root, name: str, paths: Sequence[str], as_published: bool) -> Task:
    table = parquet_table(root, paths, _COLUMNS)
    items: dict[tuple[str, str], str] = {}
    queries, choices = [], {}
    for number, (place, cells) in enumerate(parquet_rows(table, _COLUMNS)):
        text, image, *targets = cells
        query = (text or "", image or "")
        _check(place, query, "query")
        queries.append((str(number), query))
        pairs = _pairs(place, *targets)
        ids = [items.setdefault(pair, f"{name}/{len(items)}") for pair in pairs]
        choices[str(number)] = tuple(ids)
    if not queries:
        raise DataError(f"{root.name}: {paths[0]} holds no row")
    folder = _folder(root, [image for _, image in (*items, *(q for _, q in queries)) if image])

    def item(id: str, pair: tuple[str, str]) -> Item:
        text = pair[0] if as_published else plain_text(pair[0])
        return Item(id, image=f"{folder}{pair[1]}" if pair[1] else None, text=text or None)

    return Task(
        name,
        tuple(item(id, pair) for id, pair in queries),
        tuple(item(id, pair) for pair, id in items.items()),
        {id: frozenset(chosen[:1]) for id, chosen in choices.items()},
        metrics=("hit@1",),
        choices=choices,
    )


def _pairs(place: str, texts: Any, images: Any) -> Iterator[tuple[str, str]]:
    """Text and path of each candidate of a row; a text that is no list is that of all of them."""
    images = images or []
    if isinstance(texts, str) or texts is None:
        texts = [texts or ""] * len(images)
    if not isinstance(images, list) or len(texts) != len(images) or not images:
        raise DataError(
            f"{place}: {len(texts)} entries in tgt_text, {len(images)} in tgt_img_path; wanted one "
            'of each for every candidate, "" for none'
        )
    for number, pair in enumerate(zip(texts, images, strict=True)):
        candidate = (pair[0] or "", pair[1] or "")
        _check(place, candidate, f"candidate {number}")
        yield candidate


def _check(place: str, pair: tuple[str, str], what: str) -> None:
    if not isinstance(pair[0], str) or not isinstance(pair[1], str):
        raise DataError(f"{place}: text and picture of {what} must be texts, not {pair!r:.120}")
    if not pair[1] and not plain_text(pair[0]):
        raise DataError(f"{place}: {what} has neither text nor picture; remove it, or give one")


def _folder(root: Root, images: Sequence[str]) -> str:
    """The folder of the pictures: the first in which the first picture lies."""
    for folder in _PICTURES:
        if images and root.exists(f"{folder}{images[0]}"):
            return folder
    return ""
