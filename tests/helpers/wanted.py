"""The backends that are tested: declared, never discovered."""

import os

BACKENDS = tuple(os.environ.get("GCL_TEST_BACKENDS", "torch,jax").split(","))
