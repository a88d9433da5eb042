"""Equal rows, and what they join."""

from hypothesis import given
from hypothesis import strategies as st

from gcl_spec.data.equal_rows import class_ids, linked_ids


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["x", "y", "z", None]))))
def test_class_ids_join_what_shares_concept_or_caption(pairs: list[tuple[str, str | None]]) -> None:
    ids = class_ids([c for c, _ in pairs], [t for _, t in pairs])
    for i, (concept, caption) in enumerate(pairs):
        for j, (other, text) in enumerate(pairs):
            if concept == other or (caption is not None and caption == text):
                assert ids[i] == ids[j]
    # Nothing else is linked_ids: with all texts different the concepts alone decide.
    alone = class_ids([c for c, _ in pairs], [str(n) for n in range(len(pairs))])
    assert len(set(alone.tolist())) == len({c for c, _ in pairs})


def test_concepts_and_captions_of_one_spelling_are_different_keys() -> None:
    assert class_ids(["dog", "cat"], ["cat", None]).tolist() == [0, 1]


def test_the_number_is_the_least_of_those_that_are_joined() -> None:
    keys = [["a"], ["b"], [], ["c"], ["b", "c"], ["a", "c"]]
    assert linked_ids(keys).tolist() == [0, 0, 2, 0, 0, 0]
    assert linked_ids(keys[:5]).tolist() == [0, 1, 2, 1, 1]
    assert linked_ids([]).shape == (0,)
