"""Engines run by ONNX Runtime on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort

from engines.engine import Engine, Tensor
from engines.errors import EngineError, ModelIntegrityError, ModelShapeError
from engines.ort_cache import fast_form, prepared, prepared_options

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


LARGE_INPUT_BYTES = 12_000_000
"""Larger than 1280x720, as which frames of a film are searched: their memory is needed again."""


class OnnxRuntimeEngine(Engine):
    """A model in ONNX Runtime.

    Args:
        path: an ONNX file, FP32 or Q/DQ INT8.
        threads: threads for one run; 1 keeps other stages' cores free.
        precision: of the file, for status lines; "int8" is run in integers.
        note: added to `kind`.
        keep: prepare the file for this machine and keep what became of it; for files that will be
            opened again.

    Raises:
        ModelMissingError: there is no such file.
        ModelIntegrityError: it is not ours and no sane graph, or ONNX Runtime cannot read it.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int = 1,
        precision: str = "fp32",
        note: str = "",
        keep: bool = False,
    ) -> None:
        ready = prepared(path, precision) if keep else None
        options = prepared_options() if ready else ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # A pattern of memory is kept for each size of input, besides what the arena holds: twice
        # the memory for stills of many sizes, and no time gained.
        options.enable_mem_pattern = False
        # A spinning pool burns the core that the decoder needs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(
                str(ready) if ready else fast_form(path, precision),
                options,
                providers=["CPUExecutionProvider"],
            )
        except EngineError:
            raise
        except Exception as error:  # onnxruntime's exceptions share no public base class
            raise ModelIntegrityError(
                f"{path}: ONNX Runtime cannot load it ({str(error).splitlines()[0]}); "
                'delete it and run "tvradar engines fetch"'
            ) from error
        self._shapes = {i.name: i.shape for i in self._session.get_inputs()}
        self._outputs = [o.name for o in self._session.get_outputs()]
        self.metadata = dict(self._session.get_modelmeta().custom_metadata_map)
        """What the file says of itself, such as a recogniser's characters."""
        self._kind = f"onnxruntime {precision} {note}".strip()

    @property
    def kind(self) -> str:
        """`onnxruntime` and the precision."""
        return self._kind

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `Engine.run`."""
        for name, shape in self._shapes.items():
            _check(name, shape, inputs.get(name))
        size = sum(value.nbytes for value in inputs.values())
        run_options = _giving_back() if size > LARGE_INPUT_BYTES else None
        values = self._session.run(self._outputs, dict(inputs), run_options)
        return dict(zip(self._outputs, values, strict=True))

    def close(self) -> None:
        """Free the session."""
        del self._session


def _giving_back() -> Any:
    """Return options of a run that gives its memory back at its end.

    ONNX Runtime keeps what its largest run took, and more when the next large one does not fit: a
    still picture of 8 megapixels 256 MB, the second one 512.
    """
    options = ort.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


def _check(name: str, shape: list[int | str], value: Tensor | None) -> None:
    if value is None:
        raise ModelShapeError(f"input {name!r}: missing")
    fits = value.ndim == len(shape) and all(
        not isinstance(want, int) or want == have
        for want, have in zip(shape, value.shape, strict=True)
    )
    if value.dtype != np.float32 or not fits:
        raise ModelShapeError(
            f"input {name!r}: {value.dtype} {list(value.shape)}, expected float32 {shape}"
        )
