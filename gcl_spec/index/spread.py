"""Items spread over all that a new index gets, from which it learns ranges of int8 codes."""

from collections.abc import Sequence

from gcl_spec.embed.entry import Entry, Listing
from gcl_spec.index.items import refusal

__all__ = ["SAMPLED", "spread"]

SAMPLED, _RUN = 1024, 16


def spread(listing: Listing) -> Sequence[Entry]:
    """At most `SAMPLED` items in runs that are spread evenly over a listing."""
    total = len(listing)
    if total <= SAMPLED:
        parts = [slice(0, total)]
    else:
        starts = (n * total * _RUN // SAMPLED for n in range(SAMPLED // _RUN))
        parts = [slice(start, start + _RUN) for start in starts]
    return [x for part in parts for x in listing.entries(part) if not refusal(x)]
