"""TensorRT-RTX of host memory: the names of the `tensorrt` beside it, as the real ones are."""

from __future__ import annotations

import types

from tensorrt import *  # noqa: F403

__version__ = "1.7.1.116"
ComputeCapability = types.SimpleNamespace(SM86=86)
