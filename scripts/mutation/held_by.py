"""The tests that hold a module, the quick and near ones first: a first failure ends a mutant."""

_OF_CORE = "tests/gcl_spec"
_LOSS = (
    f"{_OF_CORE}/objective/test_family.py",
    f"{_OF_CORE}/loss/test_equation.py",
    f"{_OF_CORE}/loss/test_equation_scales.py",
    f"{_OF_CORE}/loss/test_check_values.py",
)
_TILES = (
    f"{_OF_CORE}/loss/tiled/test_loop.py",
    f"{_OF_CORE}/loss/tiled/test_tile_logits.py",
    f"{_OF_CORE}/loss/test_equation_separation.py",
)


def _examples(module: str) -> str:
    return f"tests/packaging/test_docs.py::test_docstrings[{module}]"


TESTS: dict[str, tuple[str, ...]] = {
    "gcl_spec/loss/plan.py": (
        f"{_OF_CORE}/loss/test_plan.py",
        *_LOSS,
        "tests/gcl_torch/loss/test_autograd.py",
    ),
    "gcl_spec/batch.py": (f"{_OF_CORE}/test_batch.py", _examples("gcl_spec.batch")),
    "gcl_spec/normalize.py": (
        f"{_OF_CORE}/test_normalize_factors.py",
        f"{_OF_CORE}/test_normalize.py",
        f"{_OF_CORE}/test_batch.py",
        _examples("gcl_spec.normalize"),
    ),
    "gcl_spec/train/optimizer_rules.py": (
        f"{_OF_CORE}/train/test_optimizer_rules.py",
        _examples("gcl_spec.train.optimizer_rules"),
    ),
    "gcl_spec/loss/tiled/log_sums.py": (f"{_OF_CORE}/loss/tiled/test_log_sums.py", *_TILES),
    "gcl_spec/loss/tiled/own_logits.py": (f"{_OF_CORE}/loss/tiled/test_own_logits.py", *_TILES),
    "gcl_spec/loss/tiled/shared_shift.py": (
        f"{_OF_CORE}/loss/tiled/test_shared_shift.py",
        *_TILES,
    ),
    "gcl_spec/loss/tiled/meetings.py": (
        f"{_OF_CORE}/loss/tiled/test_meetings.py",
        _examples("gcl_spec.loss.tiled.meetings"),
    ),
    "gcl_spec/loss/check_numbers.py": (
        f"{_OF_CORE}/loss/test_check_numbers.py",
        f"{_OF_CORE}/loss/test_check_values.py",
    ),
    "gcl_spec/loss/two_sided.py": (
        f"{_OF_CORE}/loss/test_two_sided.py",
        _examples("gcl_spec.loss.two_sided"),
    ),
    "gcl_spec/loss/places.py": (
        f"{_OF_CORE}/loss/test_places.py",
        f"{_OF_CORE}/loss/test_softmax_terms.py",
        "tests/laws/test_family_extremes.py",
        "tests/laws/test_backends.py",
    ),
    "gcl_spec/config/loss_options.py": (f"{_OF_CORE}/config/test_loss_options.py",),
    "gcl_spec/conformance/asking.py": (f"{_OF_CORE}/conformance/test_asking.py",),
    "gcl_spec/evaluate/significance.py": (f"{_OF_CORE}/evaluate/test_significance.py",),
    "backends/gcl_jax/train/step.py": (
        "tests/gcl_jax/train/test_step.py",
        "tests/laws/test_trainer_parity.py",
        "tests/distributed/test_jax_mesh.py",
    ),
}
