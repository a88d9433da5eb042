"""Lists of hits are ranked, and taken in turn."""

from gcl_spec.index.hit import Found, Hit, interleaved, ranked


def found(score: float, id: str) -> Found:
    return Found(score, id, "text", None, None, 0)


def test_equal_scores_are_ranked_by_id() -> None:
    hits = [found(1, "b"), found(2, "c"), found(1, "a")]
    assert [x.id for x in ranked(hits, 2)] == ["c", "a"]


def test_lists_take_turns_until_they_are_empty() -> None:
    lists = [[found(1, "a")], [], [found(3, "b"), found(2, "c"), found(1, "d")]]
    assert [x.id for x in interleaved(lists, 9)] == ["b", "a", "c", "d"]
    assert [x.id for x in interleaved(lists, 2)] == ["b", "a"]
    assert interleaved([[]], 3) == []


def test_a_hit_is_json() -> None:
    hit = Hit(1, 0.5, "image", "a", None, "a.png", 0)
    assert hit.to_json() == {
        "rank": 1, "score": 0.5, "modality": "image", "id": "a", "text": None, "image": "a.png",
        "origin": 0,
    }  # fmt: skip
