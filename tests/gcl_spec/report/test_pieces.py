"""The pieces of the page."""

from gcl_spec.report.pieces import escape, item_card, plain_table
from gcl_spec.tasks.task import Item


def test_items_are_shown_with_all_their_parts() -> None:
    card = item_card(
        Item("1", "a.png", "<b> & more", audio="a.wav"), lambda path: b"RIFF", hit=True
    )
    assert card.startswith(
        '<div class="item hit"><img alt="" src="data:image/webp;base64,UklGRg=="'
    )
    assert "<div>&lt;b&gt; &amp; more</div>" in card
    assert "<div>audio a.wav</div>" in card
    assert (
        item_card(Item("1", text="x"), lambda path: b"") == '<div class="item"><div>x</div></div>'
    )


def test_tables_and_marks() -> None:
    table = plain_table([["a", "b<"], ["1", "2"]])
    assert "<tr><th>a</th><th>b&lt;</th></tr><tr><td>1</td><td>2</td></tr>" in table
    assert "\u202e" not in escape("right \u202e left")
