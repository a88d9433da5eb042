"""Concepts of samples: documents, and queries of other parts where there are any."""

from gcl_spec.data.sample import Sample
from gcl_spec.tasks.sampled_concepts import concepts_of_samples

MODALITIES = ("image", "text", "image+text")


def contents(samples: list[Sample]) -> list[tuple[dict[str, str], list[dict[str, str]]]]:
    found = concepts_of_samples(samples, MODALITIES)
    return [(dict(x.parts), [dict(query.content) for query in x.queries]) for x in found]


def test_other_pictures_and_captions_ask() -> None:
    cat = Sample.of_pair("1", "cat.png", ("a cat", "it purrs"), "cat")
    more = Sample.of_pair("2", "cat-2.png", ("a cat",), "cat")
    lone = Sample.of_pair("3", "dog.png", ("a dog",), "dog")
    (first, asked), (second, same) = contents([cat, more, lone])
    assert first == {"image": "cat.png", "text": "a cat"}
    other = {"image": "cat-2.png", "text": "it purrs"}
    assert asked == [{"image": "cat-2.png"}, {"text": "it purrs"}, other]
    assert second == {"image": "dog.png", "text": "a dog"}
    assert same == [{"image": "dog.png"}, {"text": "a dog"}, second]


def test_equal_parts_are_one_concept_and_halves_are_none() -> None:
    one = Sample.of_pair("1", "cat.png", ("a cat",), "1")
    text = Sample.of_pair("2", "puma.png", ("A", "a cat"), "2")
    picture = Sample.of_pair("3", "cat.png", ("B",), "3")
    half = Sample.of_pair("4", None, ("nothing to see",), "4")
    ((parts, asked),) = contents([one, text, picture, half])
    assert parts == {"image": "cat.png", "text": "a cat"}
    assert asked[2] == {"image": "puma.png", "text": "A"}


def test_any_modalities() -> None:
    sample = Sample("1", {"audio": ("3",), "text": ("3",)}, "row 3")
    (found,) = concepts_of_samples([sample], ("audio", "text"))
    assert [query.content for query in found.queries] == [(("audio", "3"),), (("text", "3"),)]
