"""The sections on the training and on the space."""

import re

from gapped_space import I2T, T2I, gapped
from gcl_spec.evaluate.projection import Projection, project
from gcl_spec.report.space_sections import RANK, space_section, training_section

LINES = [
    {"step": n, "loss": 2.0, "loss/image->text": 1.0, "loss/text->image": n, "gap/cosine": 0.1}
    for n in (1, 2)
]


def test_training_has_a_chart_of_each_kind() -> None:
    ranks = [{"step": step, RANK: 3.5 * step} for step in (5, 10)]
    made = training_section([*LINES, *ranks])
    assert re.findall("<h2>([^<]+)</h2>", made) == [
        "Training loss",
        "Loss of each direction",
        "Modality gap in the batches",
        "Effective rank of the validation items",
    ]
    assert made.count("<path") == 1 + 2 + 1 + 1
    assert "image-&gt;text</span>" in made
    rank = made.rpartition("<h2>")[2]
    assert "step 5</text>" in rank, "other items have other ranks: its line has nothing of them"
    assert ">35</text>" in rank


def test_what_was_not_measured_has_no_chart() -> None:
    assert training_section([]) == ""
    assert training_section([{"step": 1, "loss": 1.0}]) == ""
    assert training_section(LINES).count("<svg") == 3


def test_pairs_before_and_after() -> None:
    space = project(gapped(3.0), [T2I, I2T], ("image", "text"))
    made = space_section(space, space)
    assert made.count("<svg") == 2
    assert made.count("<polyline") == 2 * 4
    assert made.count("of the variance") == 2
    assert "before: the axes" not in space_section(None, space)
    points = {"image": ((0.0, 0.0),), "R&D": ((1.0, 1.0),)}
    assert ">R&amp;D</span>" in space_section(None, Projection(points, (1.0, 0.0)))
    assert space_section(None, None) == ""


def test_several_temperatures_and_biases_have_charts() -> None:
    lines = [
        {"step": n, "scale": 9.0, "scale/image": 8.0 + n, "bias/text->image": 0.1 * n}
        for n in (1, 2)
    ]
    made = training_section(lines)
    assert "Scales (1 / temperature)" in made
    assert "Biases of the logits" in made
    assert made.count("<svg") == 2, "one scale for all is in metrics.jsonl alone"
