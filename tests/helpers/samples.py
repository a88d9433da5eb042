"""All samples of a train.jsonl, as training reads them."""

from gcl_spec.data.formats.folder import JsonlSource
from gcl_spec.data.root import Root
from gcl_spec.data.sample import Sample


def samples_of(root: Root, path: str) -> list[Sample]:
    """They are read one by one; the first malformed line is a `DataError`."""
    source = JsonlSource(root, path)
    return [source.sample(number) for number in range(len(source))]
