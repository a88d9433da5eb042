"""Values out of their range, and options that contradict each other, are errors of one line."""

from dataclasses import replace
from typing import Any

import pytest

from gcl_spec.config.options import Config
from gcl_spec.config.ranges import check_ranges
from gcl_spec.errors import ConfigError


def config(**values: Any) -> Config:
    """The default with options by "section__key"."""
    found = Config()
    for name, value in values.items():
        section, key = name.split("__")
        found = replace(found, **{section: replace(getattr(found, section), **{key: value})})
    return found


CLIP = {"model__kind": "clip", "model__freeze": "none"}
OF_VIDEOS = {"model__modalities": ("video", "text")}


def test_defaults_and_edges_are_taken() -> None:
    check_ranges(config(**CLIP, **OF_VIDEOS, model__pool="attention", data__frame_cache=0.0))
    check_ranges(Config())
    check_ranges(config(optim__lr=1e30, optim__weight_decay=1e6, optim__beta1=0.0, data__workers=0))
    check_ranges(config(model__max_tokens=3, model__image_size=32, train__batch_size=1))
    check_ranges(config(train__keep_best=True, train__eval_every=1))
    check_ranges(config(model__kind="clip", model__freeze="both", model__lora=2))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"train__steps": 0}, "train.steps = 0; must be at least 1"),
        ({"eval__batch_size": 0}, "eval.batch_size = 0; must be at least 1"),
        ({"optim__eps": 0.0}, "optim.eps = 0.0; must be above 0"),
        ({"optim__lr": 1.1e30}, "optim.lr = 1.1e+30; must be at most 1e+30"),
        ({"optim__weight_decay": -0.1}, "optim.weight_decay = -0.1; must not be negative"),
        ({"optim__ema": 1.0}, "optim.ema = 1.0; must be in [0, 1)"),
        ({"data__workers": -1}, "data.workers = -1; must not be negative"),
        ({"model__image_size": 31}, "model.image_size = 31; must be at least 32"),
        ({"model__max_tokens": 2}, "model.max_tokens = 2; must be 3 to 512, two of them marks"),
        ({"train__keep_best": True}, "train.keep_best needs evaluations"),
        ({"optim__scale": 200.0}, "optim.scale = 200.0 is above optim.max_scale = 100.0"),
        ({"model__kind": "clip", "model__freeze": "both"}, "leaves nothing of a clip model"),
        ({"model__lora": 2}, "model.lora is for model.kind = clip, not lite"),
        ({"optim__scale": 0.0}, "optim.scale = 0 is a checkpoint's own scale"),
        ({"model__frames": 0}, "model.frames = 0; must be at least 1"),
        ({"data__frame_cache": -1.0}, "data.frame_cache = -1.0; must not be negative"),
        ({"model__pool": "attention"}, "model.pool = 'attention' is for frames of videos"),
        (
            {"model__kind": "vista", "model__modalities": ("video", "text")},
            "a vista model takes image and text; ",
        ),
        (
            {**CLIP, "model__modalities": ("video", "image")},
            "takes image and text, and videos beside or instead of images; ",
        ),
        ({**CLIP, **OF_VIDEOS, "model__vectors": {"video": 3}}, "model.vectors.video: no further"),
    ],
)
def test_what_is_out_of_range(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_ranges(config(**values))
    assert message in str(caught.value)


def test_a_fixed_scale_may_be_above_the_clamp() -> None:
    check_ranges(config(optim__scale=200.0, optim__learn_scale=False))
