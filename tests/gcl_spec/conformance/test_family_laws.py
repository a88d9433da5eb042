"""Laws of the family hold for the reference, and break for a bug in what they say."""

import pytest

from gcl_spec.backend import Backend
from gcl_spec.conformance.bugs.mutant import Mutant
from gcl_spec.conformance.bugs.wrong_family import WRONG_FAMILY
from gcl_spec.conformance.family_laws import FAMILY_LAWS

BROKEN = {
    "the loss is linear in lambda": "lambda squared",
    "at lambda = 1 it is equation 2 less log |P|": "log |P| left out",
    "equal temperatures are one": "dlog_scale of each direction is that of all",
    "equal biases change nothing, and shares sum to one": "dbias transposed",
    "no hardness and no debiasing is equation 2": "hardness one too large",
    "a bias in cosines is one in logits": "bias in logits for bias in cosines",
}


@pytest.mark.parametrize("law", FAMILY_LAWS)
def test_a_law_holds_and_shows_a_bug(law: str, reference: Backend) -> None:
    for seed in range(3):
        FAMILY_LAWS[law](reference, seed)
    with pytest.raises(AssertionError):
        FAMILY_LAWS[law](Mutant(reference, WRONG_FAMILY[BROKEN[law]]), 0)
