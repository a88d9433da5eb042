"""Names of modalities."""

from gcl_spec.objective import given_names, in_order, name_parts, same_parts


def test_names_and_their_parts() -> None:
    assert name_parts("a+b+c") == ("a", "b", "c")
    assert given_names(("text+audio", "text")) == ("text", "audio")
    assert same_parts(["audio", "text"], ("text", "text+audio")) == "text+audio"
    assert same_parts(["video"], ("text",)) is None
    assert in_order(["a+b", "b", "a", "b"]) == ("a", "b", "a+b")
