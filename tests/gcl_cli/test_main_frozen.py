"""The command line's options are a promise: adding one is a change here too."""

from importlib import import_module

import click

from gcl_cli import main

OPTIONS = {
    "train": {
        "--backend", "--recipe", "--config", "--set", "--out", "--device", "--resume", "--init",
        "--dry-run", "--list-options", "--allow-unverified", "--seeds",
    },
    "eval": {
        "--data", "--backend", "--device", "--json", "--against", "--allow-unverified", "--step",
        "--benchmark", "--instructions", "--calibration", "--embeddings", "--trec", "--sweep",
        "--quantise", "--dims",
    },
    "recipes": set(),
    "ablate": {
        "--backend", "--recipe", "--config", "--set", "--start", "--init", "--objective", "--scale",
        "--calibration", "--seeds", "--reference", "--out", "--device", "--show", "--json",
        "--family", "--candidates", "--candidate", "--lr", "--regime", "--choose-on",
    },
    "compare": {"--allow-unverified", "--fail-under", "--json", "--metric", "--pool", "--qrels"},
    "embed": {
        "--address", "--allow-unverified", "--backend", "--benchmark", "--calibration", "--device",
        "--dtype", "--engine", "--instructions", "--items", "--set", "--shard", "--step",
        "--workers",
    },
    "index": {
        "--allow-unverified", "--backend", "--benchmark", "--calibration", "--check", "--delete",
        "--device", "--dtype", "--duplicates", "--items", "--json", "--least", "--out", "--prefix",
        "--run", "--rescore", "--set", "--step", "--store", "--update",
    },
    "search": {
        "--allow-unverified", "--backend", "--balanced", "--calibration", "--device", "--exact",
        "--image", "--json", "--like", "--min-score", "--minus", "--only", "--run", "--sheet",
        "--step", "--store", "--text", "--weight", "-k",
    },
    "calibrate": {
        "--allow-unverified", "--backend", "--data", "--device", "--only", "--queries", "--rows",
        "--step",
    },
    "export": {"--allow-unverified", "--onnx", "--step", "--calibration", "--int8", "--data"},
    "verify-backends": {
        "--backend", "--thorough", "--draws", "--seed", "--case", "--self-test", "--matrix",
        "--json", "--junit", "--failures", "--jobs", "--dtype", "--processes",
    },
    "verify-resume": {
        "--backend", "--recipe", "--config", "--set", "--device", "--steps", "--kills", "--seed",
        "--minutes",
    },
    "serve": {
        "--run", "--host", "--port", "--store", "--backend", "--device", "--allow-unverified",
    },
    "data": set(),
    "data check": {"--recipe", "--config", "--set", "--sample", "--seed", "--json"},
    "bench": set(),
    "bench loss": {
        "--backend", "--candidate", "-n", "-d", "--dtype", "--device", "--threads", "--repeats",
        "--timeout", "--objective", "--json",
    },
    "bench search": {
        "--backend", "-q", "-c", "-d", "-k", "--memory", "--device", "--threads", "--repeats",
        "--timeout", "--folder", "--json",
    },
}  # fmt: skip


def commands() -> dict[str, click.Command]:
    found = {}
    for name in main._COMMANDS:
        command = import_module(f"gcl_cli.{name.replace('-', '_')}").command
        found[name] = command
        if isinstance(command, click.Group):
            found |= {f"{name} {sub}": inner for sub, inner in command.commands.items()}
    return found


def test_options_are_frozen() -> None:
    found = {
        name: {o for p in command.params for o in p.opts if o.startswith("-")}
        for name, command in commands().items()
    }
    assert found == OPTIONS
