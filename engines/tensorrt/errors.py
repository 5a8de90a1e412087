"""Errors of the TensorRT engines."""

from __future__ import annotations

from engines.errors import EngineError


class TensorRtError(EngineError):
    """Base of the errors of this package.

    TensorRtError
    ├── TensorRtMissingError    `tensorrt`, a CUDA binding or the GPU itself is not here
    ├── GraphRefusedError       TensorRT's parser or builder does not take the ONNX graph
    ├── PlanError               a plan cannot be loaded or does not have the form that is needed
    ├── PlanUnverifiedError     the parity gate failed or never ran for a plan
    ├── CacheBusyError          another process is building into the same cache
    └── DeviceError             a CUDA call failed
    """


class TensorRtMissingError(TensorRtError):
    """A library or the GPU is not here; the message says what to install."""

    exit_code = 3


class GraphRefusedError(TensorRtError):
    """The parser or the builder refused the graph."""

    exit_code = 2


class PlanError(TensorRtError):
    """A plan is damaged, foreign or of another form; build it again."""

    exit_code = 3


class PlanUnverifiedError(TensorRtError):
    """Nobody has shown that this plan gives the same names as FP32."""

    exit_code = 3


class CacheBusyError(TensorRtError):
    """Another process holds the lock of the plan cache."""


class DeviceError(TensorRtError):
    """A CUDA driver call returned an error."""
