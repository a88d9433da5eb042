"""A small sweep of two modalities, written by hand."""

from gcl_spec.evaluate.sweeps.compositions import Composition, compositions
from gcl_spec.evaluate.sweeps.result import Measured, Sweep

SWEEP = Sweep(
    modalities=("image", "text"),
    concepts=20,
    seed=0,
    queries=(("q-1", "image"), ("q-2", "text")),
    measured=(
        Measured(
            Composition((10, 0)),
            (20, 0),
            1,
            {"image": (0.5, 1.0, 1.0), "text": (0.5, 0.5, 1.0)},
            {"image": (1.0, 0.0), "text": (1.0, 0.0)},
            {"image": 1, "text": 1},
            (1.0, 0.5),
        ),
        Measured(
            Composition((5, 5)),
            (10, 10),
            10,
            {"image": (0.5, 0.5, 0.5), "text": (0.0, 0.25, 0.5)},
            {"image": (0.75, 0.25), "text": (0.25, 0.75)},
            {"image": 1, "text": 1},
            (0.5, 0.25),
        ),
        Measured(Composition((0, 10)), (0, 20), 1, {}, {}, {"image": 0, "text": 0}, (None, None)),
    ),
    notes=("a note",),
    origin=(("data", "starter"), ("step", "4")),
)


def full(modalities: tuple[str, ...]) -> Sweep:
    """A sweep of all compositions, in which the share of the first modality is what is found."""
    measured = []
    for n, one in enumerate(compositions(len(modalities))):
        value = 0.1 if n == 42 else 0.2 + 0.6 * one.shares[0] + n / 1000
        hit = dict.fromkeys(modalities, (value, value, value))
        top = dict.fromkeys(modalities, one.shares)
        asked = dict.fromkeys(modalities, 2)
        measured.append(Measured(one, one.counts(100), 10, hit, top, asked, (value,)))
    return Sweep(modalities, 100, 0, (("q", modalities[0]),), tuple(measured))
