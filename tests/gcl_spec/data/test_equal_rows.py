"""Equal rows, and what they join."""

from hypothesis import given
from hypothesis import strategies as st

from gcl_spec.data.equal_rows import class_ids


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["x", "y", "z", None]))))
def test_class_ids_join_what_shares_concept_or_caption(pairs: list[tuple[str, str | None]]) -> None:
    ids = class_ids([c for c, _ in pairs], [t for _, t in pairs])
    for i, (concept, caption) in enumerate(pairs):
        for j, (other, text) in enumerate(pairs):
            if concept == other or (caption is not None and caption == text):
                assert ids[i] == ids[j]
    # Nothing else is joined: with all texts different the concepts alone decide.
    alone = class_ids([c for c, _ in pairs], [str(n) for n in range(len(pairs))])
    assert len(set(alone.tolist())) == len({c for c, _ in pairs})
