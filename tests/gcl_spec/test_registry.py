"""Plug-in backends from fake distributions: the different errors."""

from pathlib import Path

import pytest

from gcl_spec import registry
from gcl_spec.backend import BenchBackend, OnnxBackend
from gcl_spec.errors import (
    DuplicateBackendError,
    MissingFrameworkError,
    NotABackendError,
    NotABenchBackendError,
    NotAnOnnxBackendError,
    NotATrainingBackendError,
    UnknownBackendError,
)


def install(site: Path, distribution: str, name: str, value: str) -> None:
    folder = site / f"{distribution}-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{name} = {value}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_ours_are_declared() -> None:
    assert set(registry.names()) >= {"reference", "torch", "jax"}


def test_a_plugin_is_found_by_name(site: Path) -> None:
    install(site, "third-party", "third", "third_party:Backend")
    (site / "third_party.py").write_text(
        "from gcl_reference.backend import ReferenceBackend\n"
        "class Backend(ReferenceBackend):\n    name = 'third'\n"
    )
    assert registry.load("third").name == "third"
    assert "third" in registry.names()
    with pytest.raises(NotATrainingBackendError, match="does not train"):
        registry.load_training("third")


def test_what_a_backend_cannot_do_is_said() -> None:
    with pytest.raises(NotAnOnnxBackendError, match="'jax' writes no ONNX graphs"):
        registry.load_onnx("jax")
    with pytest.raises(NotATrainingBackendError, match="does not train"):
        registry.load_onnx("reference")
    with pytest.raises(NotABenchBackendError, match="has no losses to measure"):
        registry.load_bench("reference")
    assert isinstance(registry.load_onnx("torch"), OnnxBackend)
    assert isinstance(registry.load_bench("jax"), BenchBackend)


def test_names_import_nothing(site: Path) -> None:
    install(site, "broken", "broken", "broken_module:Backend")
    (site / "broken_module.py").write_text("raise RuntimeError('imported')")
    assert "broken" in registry.names()


def test_unknown() -> None:
    with pytest.raises(UnknownBackendError, match="declared are jax, reference, torch"):
        registry.load("torhc")


def test_two_of_one_name(site: Path) -> None:
    install(site, "one", "same", "one:Backend")
    install(site, "two", "same", "two:Backend")
    with pytest.raises(DuplicateBackendError, match="declared by one, two"):
        registry.load("same")


def test_missing_framework(site: Path) -> None:
    install(site, "needy", "needy", "needy_module:Backend")
    (site / "needy_module.py").write_text("import a_framework_that_is_not_there")
    with pytest.raises(MissingFrameworkError, match="needs a_framework_that_is_not_there"):
        registry.load("needy")


def test_a_name_that_is_nearly_one() -> None:
    with pytest.raises(UnknownBackendError, match=r"did you mean torch\?; declared are jax"):
        registry.load("torhc")


@pytest.mark.parametrize("name", ["w:", ":X", "w:X:y", ":", "w :X", "1w:X"])
def test_names_that_no_object_can_have(name: str) -> None:
    with pytest.raises(UnknownBackendError, match=r"wanted package\.module:object"):
        registry.load(name)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise RuntimeError('at\\nimport')", "cannot be made: RuntimeError: at import"),
        ("raise SystemExit(0)", "cannot be made: SystemExit: 0"),
        ("X = Nothing", "cannot be made: NameError"),
        ("class X:\n    def __init__(self, a): pass", "cannot be made: TypeError"),
        ("class X:\n    def __init__(self): raise SystemExit", "cannot be made: SystemExit"),
    ],
)
def test_whatever_is_raised_is_one_line(site: Path, code: str, message: str) -> None:
    name = f"raising_{abs(hash(code))}"
    (site / f"{name}.py").write_text(code)
    with pytest.raises(NotABackendError, match=message) as raised:
        registry.load(f"{name}:X")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("devices", ["return ()", "raise RuntimeError('no driver')"])
def test_a_backend_without_a_device(site: Path, devices: str) -> None:
    name = f"devices_{len(devices)}"
    (site / f"{name}.py").write_text(
        "from gcl_reference.backend import ReferenceBackend\n"
        f"class X(ReferenceBackend):\n    def devices(self):\n        {devices}\n"
    )
    with pytest.raises(NotABackendError, match=r"names none|raises RuntimeError: no driver"):
        registry.choose_device(registry.load(f"{name}:X"), None)


@pytest.mark.parametrize(
    "value", ["gcl_spec.loss:gcl_loss", "gcl_spec.loss:nothing", "no_such_module:x"]
)
def test_not_a_backend(value: str) -> None:
    with pytest.raises(NotABackendError):
        registry.load(value)
