"""Plug-in backends from fake distributions: the different errors."""

from pathlib import Path

import pytest

from gcl_spec import registry
from gcl_spec.errors import (
    DuplicateBackendError,
    MissingFrameworkError,
    NotABackendError,
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


@pytest.mark.parametrize(
    "value", ["gcl_spec.loss:gcl_loss", "gcl_spec.loss:nothing", "no_such_module:x"]
)
def test_not_a_backend(value: str) -> None:
    with pytest.raises(NotABackendError):
        registry.load(value)
