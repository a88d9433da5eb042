"""Concepts that can stand in a pool as any modality, made of the samples of training data."""

from collections.abc import Hashable, Iterable, Sequence

from gcl_spec.data.equal_rows import linked_ids
from gcl_spec.data.sample import Sample
from gcl_spec.objective import given_names, name_parts
from gcl_spec.tasks.concepts import Concept, plain
from gcl_spec.tasks.task import Item

__all__ = ["concepts_of_samples"]


def concepts_of_samples(
    samples: Iterable[Sample], modalities: Sequence[str]
) -> tuple[Concept, ...]:
    """The concepts of samples, such as pairs of a picture and its captions.

    Samples of one concept, or with one same part, are one thing. Its document has the parts of the
    first sample that has all of them, each the first of several. What asks for it has other parts
    of the thing where there are any, such as its second caption, or the picture of another sample.

    Args:
        samples: any number of them.
        modalities: those of the model, of each of which there is one query a concept.

    Returns:
        In the order of the samples; things of which no sample has all parts are left out.
    """
    given = given_names(modalities)
    every = list(samples)
    groups: dict[int, list[Sample]] = {}
    for label, sample in zip(linked_ids([_keys(x) for x in every]).tolist(), every, strict=True):
        groups.setdefault(label, []).append(sample)
    return tuple(
        _concept(whole[0], group, given, modalities)
        for group in groups.values()
        if (whole := [sample for sample in group if sample.given.keys() >= {*given}])
    )


def _keys(sample: Sample) -> list[Hashable]:
    parts = [plain(name, x) for name, own in sample.given.items() for x in own]
    return [sample.concept, *parts]


def _concept(
    seen: Sample, group: Sequence[Sample], given: Sequence[str], modalities: Sequence[str]
) -> Concept:
    parts = {name: seen.given[name][0] for name in given}
    asked = dict(parts)
    for name in given:
        seen_part = plain(name, parts[name])
        others = (x for one in (seen, *group) for x in one.given.get(name, ()))
        asked[name] = next((x for x in others if plain(name, x) != seen_part), parts[name])
    queries = (
        Item(f"{seen.id} {modality}", **{name: asked[name] for name in name_parts(modality)})
        for modality in modalities
    )
    return Concept(seen.id, parts, tuple(queries))
