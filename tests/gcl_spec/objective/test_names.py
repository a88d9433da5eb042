"""Names of modalities."""

import pytest

from gcl_spec.errors import ConfigError
from gcl_spec.objective import Objective, given_names, in_order, name_parts, same_parts


def test_names_and_their_parts() -> None:
    assert name_parts("a+b+c") == ("a", "b", "c")
    assert given_names(("text+audio", "text")) == ("text", "audio")
    assert same_parts(["audio", "text"], ("text", "text+audio")) == "text+audio"
    assert same_parts(["video"], ("text",)) is None
    assert in_order(["a+b", "b", "a", "b"]) == ("a", "b", "a+b")


@pytest.mark.parametrize("name", ["a++b", "+a", "a+", "a+a", ""])
def test_a_fused_name_has_each_part_once(name: str) -> None:
    with pytest.raises(ConfigError, match="joins the names of different modalities"):
        Objective(modalities=("a", "b", name))
