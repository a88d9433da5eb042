"""The command line's options are a promise: adding one is a change here too."""

from importlib import import_module

from gcl_cli import main

OPTIONS = {
    "train": {
        "--backend", "--recipe", "--config", "--set", "--out", "--device", "--resume", "--init",
        "--dry-run", "--list-options",
    },
    "eval": {"--data", "--backend", "--device", "--json", "--against"},
    "verify-backends": {"--backend", "--json"},
}  # fmt: skip


def test_options_are_frozen() -> None:
    assert set(main._COMMANDS) == set(OPTIONS)
    for name, want in OPTIONS.items():
        command = import_module(f"gcl_cli.{name.replace('-', '_')}").command
        found = {o for p in command.params for o in p.opts if o.startswith("--")}
        assert found == want, name
