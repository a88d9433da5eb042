"""A row is a sample, or the reason why it is none."""

from gcl_spec.data.sample import BadSample, Sample
from gcl_spec.data.source import row_of
from gcl_spec.errors import DataError

GOOD = Sample.of_pair("7", "a.png", ("a dog",), "a dog")


class Rows:
    """Of two rows the second is malformed."""

    def sample(self, number: int, /) -> Sample:
        if number:
            raise DataError("train.jsonl:2: neither image nor captions")
        return GOOD

    def place(self, number: int, /) -> str:
        return f"train.jsonl:{number + 1}"

    def label(self, number: int, /) -> str:
        return "8"


def test_a_sample_or_why_it_is_none() -> None:
    source = Rows()
    assert row_of(source, 0) is GOOD  # type: ignore[arg-type]
    bad = BadSample("8", "train.jsonl:2", "train.jsonl:2: neither image nor captions")
    assert row_of(source, 1) == bad  # type: ignore[arg-type]
