"""Which tests hold a module: the quick and near ones first, for the first failure ends a mutant."""

_LOSS = ("tests/core/test_objective.py", "tests/core/test_loss.py", "tests/core/test_checks.py")
_TILES = ("tests/core/test_tiles.py", "tests/core/test_gram.py", "tests/core/test_separation.py")


def _examples(module: str) -> str:
    return f"tests/test_docs.py::test_docstrings[{module}]"


TESTS: dict[str, tuple[str, ...]] = {
    "gcl_spec/loss/plan.py": _LOSS,
    "gcl_spec/loss/scales.py": (*_LOSS, "tests/conformance/test_torch_derivatives.py"),
    "gcl_spec/batch.py": ("tests/core/test_batch.py", _examples("gcl_spec.batch")),
    "gcl_spec/normalize.py": ("tests/core/test_batch.py", _examples("gcl_spec.normalize")),
    "gcl_spec/train/optimizer_rules.py": (
        "tests/core/test_schedule.py",
        _examples("gcl_spec.train.optimizer_rules"),
    ),
    "gcl_spec/loss/tiled/log_sums.py": ("tests/core/test_log_sums.py", *_TILES),
    "gcl_spec/loss/tiled/own_logits.py": _TILES,
    "gcl_spec/loss/tiled/shared_shift.py": ("tests/core/test_exponents.py", *_TILES),
    "gcl_spec/evaluate/significance.py": ("tests/core/test_compare.py",),
    "backends/gcl_jax/train/step.py": (
        "tests/train/test_jax_step.py",
        "tests/train/test_trainer_parity.py",
        "tests/distributed/test_jax_mesh.py",
    ),
}
