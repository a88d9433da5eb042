"""Rows of items and of their parts."""

import numpy as np
import pytest

from gapped_rows import drawn
from gapped_space import T2I
from gcl_spec.errors import InputError
from gcl_spec.evaluate.calibrations.known import fit
from gcl_spec.evaluate.calibrations.rows import same_roles
from gcl_spec.evaluate.evaluation import evaluate


def test_an_embedding_that_is_not_finite_is_refused() -> None:
    with pytest.raises(InputError, match="holds NaN"):
        evaluate(lambda x: np.full((len(x), 6), np.nan), [T2I], fit("mean", same_roles(drawn(0))))
