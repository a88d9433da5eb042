"""What every calibration is."""

import numpy as np
import pytest
from array_api_compat import array_namespace

from gapped_rows import drawn
from gcl_spec.errors import ConfigError, InputError
from gcl_spec.evaluate.calibrations.known import FITTED, fit, from_arrays
from gcl_spec.evaluate.calibrations.rows import ROLES, Rows, same_roles


@pytest.mark.parametrize("name", FITTED)
def test_every_one_is_an_inner_product_in_any_library(name: str) -> None:
    """The same rows in float32 of NumPy, torch and the strict namespace."""
    import array_api_strict
    import torch

    rows = drawn(3)
    chain = fit(name, same_roles(rows))
    again = from_arrays(name, chain.arrays())
    for role in ROLES:
        for one in rows.values():
            wanted = chain.apply(one, role)
            assert wanted.shape == (len(one.whole), 6 + chain.appended)
            np.testing.assert_array_equal(again.apply(one, role), wanted)
            for make in (torch.asarray, array_api_strict.asarray):
                parts = {part: make(z) for part, z in one.parts.items()}
                found = chain.apply(Rows(one.modality, make(one.whole), parts), role)
                assert array_namespace(found) is array_namespace(make(one.whole))
                np.testing.assert_allclose(np.asarray(found), wanted, atol=1e-9)


def test_what_was_not_fitted_is_refused() -> None:
    rows = drawn(0)
    samples = same_roles({name: rows[name] for name in ("image", "text")})
    for name in FITTED:
        chain = fit(name, samples)
        if name != "cfu":  # it needs no more than the parts
            with pytest.raises(InputError, match="gcl calibrate"):
                chain.apply(rows["image+text"], "query")
    with pytest.raises(ConfigError, match="did you mean cfu"):
        fit("cfuu", samples)
