"""Tensors out of PyTorch's file form of before 1.6, without PyTorch and without running its code.

Four pickles (magic number, version, machine, the object), the list of storages, then their bytes.
The unpickler knows three names: what rebuilds a tensor, a storage of float32, and an ordered
dictionary; a file that asks for any other is refused.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.errors import ModelShapeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001
_LENGTH = struct.Struct("<q")
_FLOAT_STORAGE = "FloatStorage"


@dataclass(frozen=True, slots=True)
class _Tensor:
    """Where a tensor lies: elements of a storage."""

    key: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild(key: str, offset: int, shape: Any, strides: Any, *_: Any) -> _Tensor:
    return _Tensor(str(key), int(offset), tuple(shape), tuple(strides))


class _Unpickler(pickle.Unpickler):
    KNOWN: dict[tuple[str, str], Any] = {  # noqa: RUF012 - never changed
        ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
        ("torch", _FLOAT_STORAGE): _FLOAT_STORAGE,
        ("collections", "OrderedDict"): OrderedDict,
    }

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the three names; the optimiser's state asks for no other either."""
        try:
            return self.KNOWN[module, name]
        except KeyError:
            raise ModelShapeError(
                f"checkpoint: it asks for {module}.{name}, expected tensors of float32 alone"
            ) from None

    def persistent_load(self, pid: Any) -> str:
        """Return the key of a storage."""
        kind, storage, key = pid[:3]
        if kind != "storage" or storage != _FLOAT_STORAGE or (len(pid) > 5 and pid[5]):
            raise ModelShapeError(f"checkpoint: {kind} {storage}, expected storages of float32")
        return str(key)


def read_checkpoint(data: bytes, part: str) -> dict[str, NDArray[np.float32]]:
    """Return the tensors of one part of a checkpoint by name.

    Args:
        data: of the file.
        part: key of the checkpoint, such as `model_state`.

    Raises:
        ModelShapeError: it is no such file, or holds more than tensors of float32.
    """
    file = io.BytesIO(data)
    try:
        magic, version, _, held, keys = (_Unpickler(file).load() for _ in range(5))
        _check_head(magic, version)
        storages = {str(key): _storage(file) for key in keys}
        return {
            name: _view(tensor, storages)
            for name, tensor in held[part].items()
            if isinstance(tensor, _Tensor)
        }
    except ModelShapeError:
        raise
    except Exception as error:  # pickle raises whatever a damaged file leads to
        raise ModelShapeError(
            f"checkpoint: {error!r}, expected one of PyTorch before 1.6"
        ) from error


def _check_head(magic: object, version: object) -> None:
    if (magic, version) != (MAGIC, VERSION):
        raise ModelShapeError("checkpoint: no file of PyTorch before 1.6")


def _storage(file: io.BytesIO) -> NDArray[np.float32]:
    (count,) = _LENGTH.unpack(file.read(_LENGTH.size))
    return np.frombuffer(file.read(count * 4), "<f4", count)


def _view(tensor: _Tensor, storages: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return a tensor that lies in one piece."""
    flat, size = storages[tensor.key], int(np.prod(tensor.shape, dtype=np.int64))
    steps = [int(np.prod(tensor.shape[i + 1 :], dtype=np.int64)) for i in range(len(tensor.shape))]
    if list(tensor.strides) != steps or not 0 <= tensor.offset <= len(flat) - size:
        raise ModelShapeError(f"checkpoint: a tensor {tensor.shape} does not lie in its storage")
    return flat[tensor.offset : tensor.offset + size].reshape(tensor.shape).astype(np.float32)
