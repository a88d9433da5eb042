"""What multiplies in a search, by its name."""

from gcl_spec.chunk_products import Multiplier
from gcl_spec.errors import NotASearchBackendError
from gcl_spec.search.faiss_products import FaissMultiplier
from gcl_spec.search.numpy_products import NumpyMultiplier

__all__ = ["multiplier"]


def multiplier(name: str) -> Multiplier:
    """NumPy ("numpy"), faiss ("faiss", where it is installed), or the backend of this name.

    Raises:
        MissingFrameworkError: the package is not installed.
        NotASearchBackendError: the backend makes no products for a search.
        BackendLoadError: it cannot be loaded (`gcl_spec.registry.load` says why).
    """
    if name == "numpy":
        return NumpyMultiplier()
    if name == "faiss":
        return FaissMultiplier()
    from gcl_spec import registry
    from gcl_spec.backend import SearchBackend

    backend = registry.load(name)
    if not isinstance(backend, SearchBackend):
        raise NotASearchBackendError(
            f"backend {name!r} makes no products for a search; use numpy, torch or jax"
        )
    return backend
