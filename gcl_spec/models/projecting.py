"""What the models of all backends do alike: from a batch's inputs to rows of every modality."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from typing import Generic, TypeVar

from gcl_spec.errors import DataError

__all__ = ["Projecting"]

A = TypeVar("A")
"""The arrays of a framework."""


class Projecting(Generic[A]):
    """The part of a model that knows modalities, not arithmetic; backends' modules derive from it.

    An input is named "<modality>/<what it is>". "<modality>/features" are outputs (B, F) of the
    modality's tower, computed before; from any other inputs the tower computes them.
    """

    given: tuple[str, ...] = ("image", "text")
    """The modalities of which the model takes inputs."""
    joined: tuple[str, ...] = ()
    """The fused modalities that the model encodes itself; others are made of their parts' rows."""
    draws = False
    """Does a step of the training draw random numbers?"""

    def features(self, inputs: Mapping[str, A]) -> dict[str, A]:
        """The tower outputs by modality, (B, F): given ones, or computed from pixels and tokens.

        Args:
            inputs: arrays of B samples by name; a modality of which there are none is left out.
        """
        found = {}
        for name in self.given:
            x = inputs.get(f"{name}/features")
            x = self.tower_output(name, inputs) if x is None else x
            if x is not None:
                found[name] = x
        return found

    def projections(
        self,
        inputs: Mapping[str, A],
        zeros_like: Callable[[A], A],
        /,
        wanted: Collection[str] | None = None,
        draw: A | None = None,
    ) -> dict[str, A]:
        """The projections by modality, (B, width) each; zeros for a modality without inputs.

        Args:
            inputs: arrays of B samples by name.
            zeros_like: makes an array of zeros of the shape and dtype of another.
            wanted: which of `joined` to encode; all when not given.
            draw: what the random numbers of this call are drawn from, where a framework has no
                state of its own for them; in evaluation None.

        Raises:
            DataError: there are inputs of no modality.
        """
        joined = [name for name in self.joined if wanted is None or name in wanted]
        found = self.rows(inputs, joined, draw)
        if not found:
            names = " or ".join(self.given)
            raise DataError(f"a batch without inputs of {names}, which this model takes")
        zeros = zeros_like(next(iter(found.values())))
        return {name: found.get(name, zeros) for name in (*self.given, *joined)}

    def rows(
        self, inputs: Mapping[str, A], joined: Collection[str], draw: A | None
    ) -> dict[str, A]:
        """The projections (B, width) of the modalities that have inputs, and of those `joined`.

        Args:
            inputs: arrays of B samples by name.
            joined: which fused modalities are encoded, as far as they have inputs.
            draw: as in `projections`.
        """
        return {name: self.project(name, x) for name, x in self.features(inputs).items()}

    @abstractmethod
    def project(self, name: str, features: A, /) -> A:
        """Projections (B, width) in the common space of the tower outputs (B, F) of a modality."""

    @abstractmethod
    def tower_output(self, name: str, inputs: Mapping[str, A], /) -> A | None:
        """The output (B, F) of the tower of a modality; None where it has no inputs."""

    def checkpointing(self) -> None:
        """Compute activations of the towers again in backward; here there are no towers."""
