"""A search by a row of the index, or by a given one, imports no more than it needs."""

import subprocess
import sys

from gcl_spec.index.used import Used

HEAVY = ("gcl_spec.run", "gcl_spec.evaluate.evaluation", "gcl_spec.loss", "torch", "PIL")


def test_opening_an_index_does_not_import_what_makes_rows() -> None:
    code = "from gcl_spec.index import open_index; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "gcl_spec.index.approximate" in loaded
    assert not loaded & set(HEAVY)


def test_a_run_is_used_by_torch_on_its_first_device_unless_told_otherwise() -> None:
    assert (Used().backend, Used().device, Used().step) == ("torch", None, "newest")
