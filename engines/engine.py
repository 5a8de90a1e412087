"""What a loaded model is to the rest of the program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

Tensor = NDArray[np.float32]


class Engine(Protocol):
    """A loaded model; close it to free its memory.

    One thread at a time calls `run`; different engines may run in different threads.
    """

    @property
    def kind(self) -> str:
        """What runs it, for status lines: `onnxruntime fp32`, `tensorrt int8`."""

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Map input names to output names; the outputs are the caller's to keep.

        Raises:
            ModelShapeError: a name, dtype or shape does not fit the model.
        """

    def close(self) -> None:
        """Free the model; `run` must not be called afterwards."""
