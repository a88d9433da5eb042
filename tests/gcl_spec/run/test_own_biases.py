"""The biases of a run at its searches: in an evaluation, in an index, and where there are none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gcl_spec.config.toml import loads
from gcl_spec.config.toml import objective as rule_of
from gcl_spec.errors import ConfigError
from gcl_spec.evaluate.calibrations.known import CALIBRATIONS, FITTED
from gcl_spec.index import open_index
from gcl_spec.index.adding import Adding
from gcl_spec.index.model import load_model
from gcl_spec.index.sources import items_of, origin_of
from gcl_spec.index.used import Used
from gcl_spec.loss.cosine_shifts import cosine_shifts
from gcl_spec.progress import Quiet
from gcl_spec.run.calibrated import calibrate
from gcl_spec.run.calibration_files import calibration_of
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.loaded import load_run
from gcl_spec.run.own_biases import calibrations_of, own_biases
from indexed import write_folder
from trained import trained_run

USED = Used(device="cpu", allow_unverified=True)
SETS = ("objective.bias=pair", "objective.scales=pair", "optim.scale=5")


def calibrated(path: Path, *sets: str) -> Path:
    trained_run(path, *sets)
    run = RunFolder.open(path, allow_unverified=True)
    loaded = load_run(path, device="cpu", allow_unverified=True)
    made = calibrate(run, loaded, Quiet(), names=["bias"])
    assert (made.rows, made.bad) == ({}, ())
    return path


def test_a_run_searches_with_what_it_learned(tmp_path: Path) -> None:
    run = calibrated(tmp_path / "run", *SETS)
    plain, moved = (
        load_run(run, device="cpu", allow_unverified=True, calibration=name)
        for name in (None, "bias")
    )
    state = plain.trainer.state()
    rule = rule_of(plain.config.objective, plain.config.model.modalities)
    shifts = cosine_shifts(rule, state["params/log_scale"], state["params/logit_bias"])
    assert np.ptp(shifts) > 0, "it was learned"
    picture = str(write_folder(tmp_path / "data") / "red.png")
    items = {
        "image": ([picture], None),
        "text": (None, ["red"]),
        "image+text": ([picture], ["red"]),
    }
    for m, asked in enumerate(rule.modalities):
        for n, found in enumerate(rule.modalities):
            cosine = plain.encode(*items[asked]) @ plain.encode(*items[found]).T
            query = moved.encode(*items[asked], role="query")
            score = query @ moved.encode(*items[found], role="candidate").T
            np.testing.assert_allclose(score, cosine + shifts[m, n], atol=1e-6)


def test_an_index_finds_what_brute_force_finds(tmp_path: Path) -> None:
    run = calibrated(tmp_path / "run", *SETS)
    data = write_folder(tmp_path / "data")
    with pytest.raises(ConfigError, match="calibration bias appends numbers to each row"):
        load_model(run, USED, dtype="float16", calibrations=["bias"])
    model = load_model(run, USED, calibrations=["bias"])
    items = items_of(origin_of(str(data), None, model.config.data), model.config)
    assert Adding(tmp_path / "ix", model, items).run().added == 4
    index = open_index(tmp_path / "ix", device="cpu", allow_unverified=True)
    moved = load_run(run, device="cpu", allow_unverified=True, calibration="bias")
    for image, text in ((data / "red.png", None), (None, "a note")):
        given = (None if image is None else [str(image)], None if text is None else [text])
        query = moved.encode(*given, role="query")
        parts = [(None, ["a note on tiles"]), ([str(data / "red.png")], ["a red tile"])]
        parts += [([str(data / f"{name}.png")], None) for name in ("green", "blue")]
        wanted = [float((query @ moved.encode(*x, role="candidate").T)[0, 0]) for x in parts]
        found = index.search(image, text, calibration="bias")
        np.testing.assert_allclose([hit.score for hit in found], sorted(wanted)[::-1], atol=1e-5)


def test_a_bias_by_shares_counts_for_all_pairs_and_a_sigmoids_is_one(tmp_path: Path) -> None:
    state = trained_run(tmp_path / "run", "objective.bias=share").state()
    config = RunFolder.open(tmp_path / "run", allow_unverified=True).config()
    (found,) = own_biases(config, state).arrays().values()
    scale = np.exp(state["params/log_scale"])
    np.testing.assert_allclose(found, state["params/logit_bias"] / scale, rtol=1e-6)
    assert np.ptp(np.diag(found)) > 0
    weights = {"params/log_scale": np.log(5.0), "params/logit_bias": np.asarray(-10.0)}
    for unit, shift in (("logit", -2.0), ("cosine", 10.0)):
        one = loads("", ["objective.preset=siglip-all", f"objective.bias_unit={unit}"])
        (alike,) = own_biases(one, weights).arrays().values()
        np.testing.assert_allclose(alike, shift)


def test_running_means_are_taken() -> None:
    config = loads("", ["objective.bias=pair"])
    weights = {"params/log_scale": np.log(2.0), "params/logit_bias": np.zeros((3, 3))}
    weights["ema/logit_bias"] = np.asarray([[0, 2, 4], [6, 0, 8], [10, 12, 0]], float)
    (found,) = own_biases(config, weights).arrays().values()
    np.testing.assert_allclose(found, [[1.5, 1, 2], [3, 3.5, 4], [5, 6, 5.5]])


def test_a_run_without_biases_is_refused_with_the_reason(tmp_path: Path) -> None:
    trained_run(tmp_path / "run")
    run = RunFolder.open(tmp_path / "run", allow_unverified=True)
    loaded = load_run(run.path, device="cpu", allow_unverified=True)
    reason = r"calibration bias: .*run was trained without a bias, .* objective\.bias = pair"
    with pytest.raises(ConfigError, match=reason):
        calibrate(run, loaded, Quiet(), names=["mean", "bias"])
    assert not (run.path / "calibrations").exists()
    with pytest.raises(ConfigError, match=reason):
        calibration_of(run, "bias", run.found())
    assert calibrations_of(loaded.config) == FITTED
    biased = replace(loaded.config.objective, bias="pair")
    assert calibrations_of(replace(loaded.config, objective=biased)) == CALIBRATIONS


def test_a_name_that_is_none_is_refused_before_rows_are_read(tmp_path: Path) -> None:
    trained_run(tmp_path / "run", "objective.bias=pair")
    run = RunFolder.open(tmp_path / "run", allow_unverified=True)
    loaded = load_run(tmp_path / "run", device="cpu", allow_unverified=True)
    with pytest.raises(ConfigError, match="bais"):
        calibrate(run, loaded, Quiet(), data="no such rows", names=["bais"])
