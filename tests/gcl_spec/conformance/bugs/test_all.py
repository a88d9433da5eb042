"""The known bugs: many, and each wrong in nothing but what its name says."""

import re

import numpy as np

from gcl_spec.backend import Backend
from gcl_spec.conformance import quick_cases
from gcl_spec.conformance.bugs.all import BUGS, Mutant
from gcl_spec.objective import GCL


def test_there_are_many() -> None:
    assert len(BUGS) >= 90


def test_bugs_keep_the_dtype_unless_it_is_the_bug(reference: Backend) -> None:
    """Or they would be noticed for their dtype alone."""
    case = next(case for case in quick_cases() if case.name == "one sample")
    z, log_scale = case.z_MBD.astype("float32"), np.asarray(case.log_scale, "float32")
    for name, bug in BUGS.items():
        found = Mutant(reference, bug).loss_and_grads(z.copy(), log_scale.copy(), objective=GCL)
        if not re.search("in float(16|64)$", name):
            assert {x.dtype for x in found if x is not None} == {z.dtype}, name
