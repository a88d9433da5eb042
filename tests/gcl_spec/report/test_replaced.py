"""Sections that are replaced in a page."""

from gcl_spec.report.replaced import framed, notes, with_section


def test_only_the_section_of_a_name_is_replaced() -> None:
    page = f"<h1>a</h1>{framed('one', '')}{framed('two', '<p>2</p>')}<p>end</p>"
    assert with_section(page, "one", r"\1 <b>new</b>") == (
        r'<h1>a</h1><section id="one">\1 <b>new</b></section>'
        '<section id="two"><p>2</p></section><p>end</p>'
    )
    assert with_section(page, "tw", "x") is None
    assert with_section("<p>an older page</p>", "one", "x") is None


def test_the_first_remark_says_where_it_comes_from() -> None:
    origin = [("data", "a<b"), ("step", "3")]
    assert notes("Swept", origin, ["c"]) == (
        '<ul class="note"><li>Swept: data a&lt;b, step 3.</li><li>c</li></ul>'
    )
    assert notes("Swept", [], ["c"]) == '<ul class="note"><li>c</li></ul>'
