"""What the models of all backends do alike: from a batch's inputs to rows of every modality."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from typing import Any, Generic, TypeVar

from gcl_spec.errors import DataError

__all__ = ["Projecting"]

A = TypeVar("A")
"""The arrays of a framework."""


class Projecting(Generic[A]):
    """The part of a model that knows modalities, not arithmetic; backends' modules derive from it.

    An input is named "<modality>/<what it is>". "<modality>/features" are outputs (B, F) of the
    modality's tower, computed before; from any other inputs the tower computes them. Inputs of
    frames have an axis of frames behind that of samples.
    """

    given: tuple[str, ...] = ("image", "text")
    """The modalities of which the model takes inputs."""
    joined: tuple[str, ...] = ()
    """The fused modalities that the model encodes itself; others are made of their parts' rows."""
    framed: tuple[str, ...] = ()
    """The modalities whose items are frames, which the tower of pictures sees one by one."""
    width: int
    """How many numbers a row has."""
    draws = False
    """Does a step of the training draw random numbers?"""

    def features(self, inputs: Mapping[str, A]) -> dict[str, A]:
        """The tower outputs by modality, (B, F): given ones, or computed from pixels and tokens.

        Those of frames are (B, frames, F).

        Args:
            inputs: arrays of B samples by name; a modality of which there are none is left out.
        """
        outputs = {}
        for name in self.given:
            x = inputs.get(f"{name}/features")
            output = self._frame_output if name in self.framed else self.tower_output
            x = output(name, inputs) if x is None else x
            if x is not None:
                outputs[name] = x
        return outputs

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
        rows = self.rows(inputs, joined, draw)
        if not rows:
            names = " or ".join(self.given)
            raise DataError(f"a batch without inputs of {names}, which this model takes")
        zeros = zeros_like(next(iter(rows.values())))
        return {name: rows.get(name, zeros) for name in (*self.given, *joined)}

    def rows(
        self, inputs: Mapping[str, A], joined: Collection[str], draw: A | None
    ) -> dict[str, A]:
        """The projections (B, width) of the modalities that have inputs, and of those `joined`.

        Args:
            inputs: arrays of B samples by name.
            joined: which fused modalities are encoded, as far as they have inputs.
            draw: as in `projections`.
        """
        outputs = self.features(inputs)
        framed = {name: outputs.pop(name) for name in self.framed if name in outputs}
        rows = {name: self.project(name, x, draw) for name, x in outputs.items()}
        return rows | {name: self._pooled(x, draw) for name, x in framed.items()}

    def _frame_output(self, name: str, inputs: Mapping[str, A]) -> A | None:
        """The outputs (B, frames, F) of the tower of pictures for each frame."""
        own: dict[str, Any] = {
            f"image/{key.partition('/')[2]}": x
            for key, x in inputs.items()
            if key.startswith(f"{name}/")
        }
        flat = {key: x.reshape((-1, *x.shape[2:])) for key, x in own.items()}
        flat_output: Any = self.tower_output("image", flat)
        if flat_output is None:
            return None
        shape = next(iter(own.values())).shape[:2]
        output: A = flat_output.reshape((*shape, *flat_output.shape[1:]))
        return output

    def _pooled(self, features: Any, draw: A | None) -> A:
        """The rows (B, width) of the tower's outputs (B, frames, F)."""
        rows: Any = self.project("image", features.reshape((-1, features.shape[2])), draw)
        return self.pool(rows.reshape((*features.shape[:2], rows.shape[1])))

    @abstractmethod
    def pool(self, rows: A, /) -> A:
        """The rows (B, width) of items from the projections (B, frames, width) of their frames."""

    @abstractmethod
    def project(self, name: str, features: A, draw: A | None = None, /) -> A:
        """Projections (B, width) in the common space of the tower outputs (B, F) of a modality.

        Args:
            name: the modality.
            features: the outputs of its tower.
            draw: as in `projections`.
        """

    @abstractmethod
    def tower_output(self, name: str, inputs: Mapping[str, A], /) -> A | None:
        """The output (B, F) of the tower of a modality; None where it has no inputs."""

    def checkpointing(self) -> None:
        """Compute activations of the towers again in backward; here there are no towers."""
