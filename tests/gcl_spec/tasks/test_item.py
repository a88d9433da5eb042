"""Queries and candidates."""

from gcl_spec.tasks.item import Item


def test_parts_have_no_order_and_absent_ones_do_not_count() -> None:
    assert Item("1", "a.png", "a") == Item("1", text="a", image="a.png", video=None)
    assert Item("1", video="v.mp4", text="a").modality == "text+video"
    assert Item(**Item("1", "a.png").to_json()) == Item("1", "a.png")
    assert Item("1", "a.png").renamed("2") == Item("2", "a.png")
