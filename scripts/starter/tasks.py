"""Retrieval tasks of all nine kinds, from the metadata of held-out concepts.

Pictures that are queries are never candidates: emoji queries are fluent pictures, candidates noto
and twemoji; of clip art one half gives queries, the other half candidates.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from starter.model import Picture, split_of

Content = dict[str, str]


@dataclass
class Task:
    """Queries and candidates by id, and the relevant pairs of ids."""

    name: str
    queries: dict[str, Content] = field(default_factory=dict)
    candidates: dict[str, Content] = field(default_factory=dict)
    qrels: set[tuple[str, str]] = field(default_factory=set)


Side = Iterable[tuple[str, Content]]
"""Pairs of what makes an item relevant and its content."""


def test_tasks(pictures: list[Picture]) -> list[Task]:
    """Tasks of the nine kinds on test concepts."""
    kept = [p for p in pictures if split_of(p.family) == "test"]
    return [*_emoji_tasks(kept, _EMOJI), _tone_task(kept), *_clipart_tasks(kept)]


def validation_tasks(pictures: list[Picture]) -> list[Task]:
    """Tasks of three kinds on validation concepts, to look at during training."""
    kept = [p for p in pictures if split_of(p.family) == "val"]
    return _emoji_tasks(kept, {"t2i_label", "i2t_label", "it2it_tags"})


def choosing_tasks(kept: list[Picture]) -> list[Task]:
    """Tasks of the nine kinds on pictures that are held out of training.

    A picture with words finds pictures, where test concepts have skin tones.
    """
    tasks = [*_emoji_tasks(kept, {*_EMOJI, "it2i_tags"}), *_clipart_tasks(kept)]
    return [task for task in tasks if task.queries]


_EMOJI = {
    "t2i_label", "i2t_label", "t2t_tags", "i2i_style", "t2it_tags", "i2it_style", "it2t_tags",
    "it2it_tags",
}  # fmt: skip


def _emoji_tasks(pictures: list[Picture], wanted: set[str]) -> list[Task]:
    emoji = [p for p in pictures if p.style != "clipart" and not p.tone]
    ask = [p for p in emoji if p.style == "fluent"]
    pool = [p for p in emoji if p.style != "fluent"]
    tagged = [p for p in ask if len(p.tags) >= 2]
    named = _same_names(ask, [p for p in pictures if p.style == "clipart" and not _asks(p)])
    labels, both = _side(ask, _label), _side(pool, _both)
    images = _side([*pool, *named], _image)
    sides: dict[str, tuple[Side, Side]] = {
        "t2i_label": (_side(ask, _label), images),
        "i2t_label": (_side(ask, _image), labels),
        "t2t_tags": (_side(tagged, _tags), labels),
        "i2i_style": (_side(ask, _image), images),
        "t2it_tags": (_side(tagged, _tags), both),
        "i2it_style": (_side(ask, _image), both),
        "it2t_tags": (_side(tagged, _image_and_half), labels),
        "it2it_tags": (_side(tagged, _image_and_half), both),
        "it2i_tags": (_side(tagged, _image_and_half), images),
    }
    return [_task(name, *sides[name]) for name in sorted(wanted)]


def _tone_task(pictures: list[Picture]) -> Task:
    """The task to find, for a picture and a skin tone, that picture in that tone."""
    tones = [p for p in pictures if p.tone]
    families = {_base(p) for p in tones}
    emoji = [p for p in pictures if p.style != "clipart" and _base(p) in families]
    pool = [p for p in emoji if p.style != "fluent"]
    ask = {p.concept: p for p in emoji if p.style == "fluent" and not p.tone}
    queries = [
        (p.concept, {"image": ask[_base(p)].path, "text": p.tone})
        for p in tones
        if p.style == "noto" and _base(p) in ask
    ]
    return _task("it2i_tone", queries, _side(pool, _image))


def _clipart_tasks(pictures: list[Picture]) -> list[Task]:
    art = [p for p in pictures if p.style == "clipart"]
    ask, pool = [p for p in art if _asks(p)], [p for p in art if not _asks(p)]
    emoji = [p for p in pictures if p.style in ("noto", "twemoji")]
    tagged = [p for p in ask if len(p.tags) >= 2]
    titles = _side(art, _label)
    return [
        _task("i2t_clipart", _side(ask, _image), titles),
        _task("it2t_clipart", _side(tagged, _image_and_half), titles),
        _task(
            "t2i_clipart", _side(pool, _label), _side([*pool, *_same_names(pool, emoji)], _image)
        ),
    ]


def _asks(art: Picture) -> bool:
    """Is this clip art a query? Half of it is."""
    return int(hashlib.sha256(art.name.encode()).hexdigest(), 16) % 2 == 1


def _same_names(asked: list[Picture], others: list[Picture]) -> list[Picture]:
    """Pictures of another kind that answer, too, and so may not count as wrong in joined pools."""
    names = {picture.concept for picture in asked}
    return [picture for picture in others if picture.concept in names]


def _task(name: str, queries: Side, candidates: Side) -> Task:
    """A task in which every candidate of a concept of the query's content is relevant."""
    task = Task(name)
    by_concept: dict[str, set[str]] = {}
    for concept, content in candidates:
        task.candidates[_id(content)] = {"id": _id(content), **content}
        by_concept.setdefault(concept, set()).add(_id(content))
    for concept, content in queries:
        task.queries[_id(content)] = {"id": _id(content), **content}
        task.qrels |= {(_id(content), candidate) for candidate in by_concept[concept]}
    return task


def _side(
    pictures: list[Picture], content: Callable[[Picture], Content]
) -> list[tuple[str, Content]]:
    return [(p.concept, content(p)) for p in pictures]


def _id(content: Content) -> str:
    """The id of a content, the same in every task, so that pools can be joined."""
    kind = "it" if len(content) == 2 else "i" if "image" in content else "t"
    text = "\n".join(content.get(part, "") for part in ("image", "text"))
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _base(picture: Picture) -> str:
    return picture.concept.partition(":")[0] if picture.tone else picture.concept


def _label(p: Picture) -> Content:
    return {"text": p.label}


def _tags(p: Picture) -> Content:
    return {"text": ", ".join(p.tags[:8])}


def _image(p: Picture) -> Content:
    return {"image": p.path}


def _both(p: Picture) -> Content:
    return {"image": p.path, "text": p.label}


def _image_and_half(p: Picture) -> Content:
    return {"image": p.path, "text": ", ".join(p.tags[:8:2])}
