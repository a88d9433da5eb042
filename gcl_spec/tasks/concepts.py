"""Concepts that can stand in a pool as any modality, made of the items of tasks."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gcl_spec.data.equal_rows import linked_ids
from gcl_spec.objective import given_names, name_parts
from gcl_spec.tasks.task import Item, Task, answers

__all__ = ["Concept", "concepts_of_tasks", "plain"]

Content: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing to be found: a document with all parts, and the items that ask for it.

    id: its name, which no other concept has.
    parts: those of its document, by given modality, such as a picture and its text.
    queries: items of any modalities, whose own parts may be those of the document.
    """

    id: str
    parts: Mapping[str, str]
    queries: tuple[Item, ...]

    def document(self, modality: str) -> Item:
        """The document as one modality, such as its text alone."""
        return Item(self.id, **{name: self.parts[name] for name in name_parts(modality)})

    def shares(self, query: Item, modality: str) -> bool:
        """Has a query the same picture, or text, as the document has as one modality?"""
        own = {plain(*part) for part in self.document(modality).content}
        return not own.isdisjoint(plain(*part) for part in query.content)


def plain(name: str, value: str) -> tuple[str, str]:
    """A part by which equal ones are known: texts without cases, and with single blanks.

    CLIP's tokenizer makes no difference there, so that such texts have one embedding.

    >>> plain("text", "A  dog") == plain("text", "a dog"), plain("image", "A.png")
    (True, ('image', 'A.png'))
    """
    return name, " ".join(value.casefold().split()) if name == "text" else value


def concepts_of_tasks(tasks: Sequence[Task], modalities: Sequence[str]) -> tuple[Concept, ...]:
    """The concepts of tasks whose candidates have all the parts of a model's modalities.

    A candidate with all parts is a document. A query asks for it where a task says that the query
    is to find this candidate, or one that is a part of it: its picture alone, or its text alone.
    Documents that share a part or a query are one concept, which is seen in its first document;
    parts are equal as `plain` has them.

    Args:
        tasks: any.
        modalities: those of the model.

    Returns:
        In the order of the documents; concepts for which nothing asks are left out.
    """
    given = set(given_names(modalities))
    documents = dict.fromkeys(
        item.content
        for task in tasks
        for item in task.candidates
        if {name for name, _ in item.content} == given
    )
    asked = [pair for task in tasks for pair in answers(task)]
    keys = [_plain(content) for content in documents]
    keys += [(_plain(query.content), *_plain(answer.content)) for query, answer in asked]
    labels = linked_ids(keys).tolist()
    queries: dict[int, dict[Hashable, Item]] = {}
    for label, (query, _) in zip(labels[len(documents) :], asked, strict=True):
        queries.setdefault(label, {}).setdefault(_plain(query.content), query)
    seen: dict[int, Concept] = {}
    for label, content in zip(labels, documents, strict=False):
        if label in queries and label not in seen:
            asks = tuple(queries[label].values())
            seen[label] = Concept(f"concept {len(seen)}", dict(content), asks)
    return tuple(seen.values())


def _plain(content: Content) -> tuple[Hashable, ...]:
    return tuple(plain(*part) for part in content)
