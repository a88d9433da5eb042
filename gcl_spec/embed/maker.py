"""What makes rows: the model and everything else on which they depend beside the items."""

import re
from dataclasses import asdict, dataclass
from typing import Any

from gcl_spec.errors import ConfigError, DataError

__all__ = ["Maker"]

_SHORT = 12
_HASH = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Maker:
    """Everything on which rows depend beside the items.

    model: the name of the run and its step.
    weights: SHA-256 of the weights and of what the model makes of them.
    preprocessing: SHA-256 of what makes arrays of pictures and texts.
    arithmetic: backend, precision and batch size, which move the last digits.
    dtype: that of the stored rows, "float32" or "float16".
    size: the items of a shard.
    calibration: the name of what was applied to the rows and the SHA-256 of its state, or "".
    """

    model: str
    weights: str
    preprocessing: str
    arithmetic: str
    dtype: str
    size: int
    calibration: str = ""

    @property
    def name(self) -> str:
        """The name of the model with the beginning of its hash."""
        return f"{self.model} ({self.weights[:_SHORT]})"

    @property
    def calibrated(self) -> str:
        """What was applied to the rows, in words."""
        name, _, digest = self.calibration.partition(" ")
        return f"with calibration {name} ({digest[:_SHORT]})" if name else "without calibration"

    def to_json(self) -> dict[str, Any]:
        """Plain values by name."""
        return {name: value for name, value in asdict(self).items() if value != ""}

    @classmethod
    def from_json(cls, record: Any) -> "Maker":
        """The maker that `to_json` wrote; a `ValueError` where it did not."""
        try:
            maker = cls(**record)
        except TypeError as error:
            raise ValueError(str(error)) from error
        hashes = (maker.weights, maker.preprocessing)
        texts = (maker.model, maker.arithmetic, maker.calibration, *hashes)
        if not all(isinstance(x, str) for x in texts) or not all(map(_HASH.fullmatch, hashes)):
            raise ValueError("no hashes of a model")
        if maker.dtype not in ("float32", "float16") or type(maker.size) is not int:
            raise ValueError("no dtype and size of shards")
        return maker

    def refuse_other_model(self, there: "Maker", where: str) -> None:
        """Raise a `DataError` with both names where rows are of another model.

        Args:
            there: what made the rows.
            where: the folder of the rows.
        """
        if there.weights != self.weights:
            raise DataError(
                f"{where} holds embeddings of {there.name}, not of {self.name}; name the run that "
                "made them, or another folder"
            )
        if there.preprocessing != self.preprocessing:
            raise DataError(
                f"{where} holds embeddings of {there.name} with other preprocessing than "
                f"{self.name} has now ({there.preprocessing[:_SHORT]}, "
                f"{self.preprocessing[:_SHORT]}); embed into another folder"
            )
        if there.calibration != self.calibration:
            raise DataError(
                f"{where} holds embeddings {there.calibrated}, not {self.calibrated}; embed into "
                "another folder"
            )

    def refuse_other_rows(self, there: "Maker", where: str) -> None:
        """Raise an error where rows of `there` must not stand beside those of this one.

        Args:
            there: what made the rows.
            where: the folder of the rows.

        Raises:
            DataError: they are of another model.
            ConfigError: they are of another dtype, shard size or arithmetic.
        """
        self.refuse_other_model(there, where)
        for what in ("dtype", "size", "arithmetic"):
            old, new = getattr(there, what), getattr(self, what)
            if old != new:
                raise ConfigError(
                    f"{where} was begun with {_WORDS[what]} {old}, and now has {new}; go on as it "
                    "was begun, or choose another folder"
                )


_WORDS = {"dtype": "dtype", "size": "shards of", "arithmetic": "the arithmetic"}
