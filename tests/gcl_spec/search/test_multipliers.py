"""Multipliers by name."""

import sys

import pytest

from gcl_spec.chunk_products import Multiplier
from gcl_spec.errors import NotASearchBackendError, UnknownBackendError
from gcl_spec.search.multipliers import multiplier


def test_names(backend_name: str) -> None:
    for name in ("numpy", backend_name):
        assert isinstance(multiplier(name), Multiplier)
    assert "faiss" not in sys.modules


def test_what_is_refused() -> None:
    with pytest.raises(NotASearchBackendError, match="'reference' makes no products"):
        multiplier("reference")
    with pytest.raises(UnknownBackendError, match="no backend 'torhc'"):
        multiplier("torhc")
