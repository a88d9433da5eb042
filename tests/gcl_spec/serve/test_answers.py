"""Items as the API shows them."""

from types import SimpleNamespace

from gcl_spec.serve.answers import Shown


def test_an_item_says_whether_it_has_a_picture() -> None:
    item = SimpleNamespace(id="a", modality="image", text=None, image="b/c.png", hash="secret")
    assert Shown.of(item, score=0.5) == Shown("a", "image", None, True, "b/c.png", 0.5)
    item = SimpleNamespace(id="a", modality="text", text="t", image=None)
    assert Shown.of(item) == Shown("a", "text", "t", False, None, None)
