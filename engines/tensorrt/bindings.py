"""The `tensorrt` module: imported late, its version, its log."""

from __future__ import annotations

import logging
import sys
from functools import cache
from typing import TYPE_CHECKING

from engines.tensorrt.errors import TensorRtError, TensorRtMissingError

if TYPE_CHECKING:
    import tensorrt as trt

log = logging.getLogger("engines.tensorrt")

OLDEST = (10, 3)
"""JetPack 6.1 and 6.2; strongly typed Q/DQ networks are the one form that serves 10.3 to 11.4."""

NOT_RUN = "not run on hardware"


def use_rtx() -> None:
    """Let `import tensorrt` give TensorRT-RTX, which has the same names; for the whole process.

    Raises:
        TensorRtMissingError: it is not here; the message says how to get it.
        TensorRtError: the other TensorRT runs in this process already.
    """
    try:
        import tensorrt_rtx  # noqa: PLC0415
    except (ImportError, OSError) as error:
        raise TensorRtMissingError(
            f"tensorrt_rtx: not importable ({error}), expected TensorRT-RTX on a PC with an RTX "
            f'graphics card; run "{sys.executable} -m pip install tensorrt-rtx cuda-bindings"'
        ) from error
    if shared_logger.cache_info().currsize and not rtx_in_use():
        raise TensorRtError(
            "TensorRT: runs in this process, expected none before TensorRT-RTX; start another one"
        )
    sys.modules["tensorrt"] = tensorrt_rtx


def rtx_in_use() -> bool:
    """Return whether this process chose TensorRT-RTX."""
    return getattr(sys.modules.get("tensorrt"), "__name__", "") == "tensorrt_rtx"


def backend_name() -> str:
    """Return `tensorrt` or `tensorrt-rtx`, as options and status lines say it."""
    return "tensorrt-rtx" if rtx_in_use() else "tensorrt"


def build_command() -> str:
    """Return what builds the engines of the TensorRT in use."""
    return "tvradar engines build" + (" --backend tensorrt-rtx" if rtx_in_use() else "")


def require_tensorrt() -> str:
    """Import TensorRT and return its full version.

    Raises:
        TensorRtMissingError: it is not here or too old; the message says how to get it.
    """
    try:
        import tensorrt as trt  # noqa: PLC0415
    except (ImportError, OSError) as error:  # its own libraries may be what is missing
        raise TensorRtMissingError(
            f"tensorrt: not importable ({error}), expected 10.3 or newer; on a Jetson it comes "
            "with JetPack (sudo apt-get install python3-libnvinfer, in a venv made with "
            f'--system-site-packages), on a PC by "{sys.executable} -m pip install tensorrt"'
        ) from error
    version = str(trt.__version__)
    # TensorRT-RTX, with which the build is tested off a Jetson, counts its versions from 1.0.
    if not _is_rtx() and tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise TensorRtMissingError(
            f"tensorrt: {version}, expected 10.3 or newer; update JetPack to 6.1 or later"
        )
    return version


def product() -> str:
    """Return what runs here and its version, for messages."""
    import tensorrt as trt  # noqa: PLC0415

    return f"{'TensorRT-RTX' if _is_rtx() else 'TensorRT'} {trt.__version__}"


def _is_rtx() -> bool:
    import tensorrt as trt  # noqa: PLC0415

    return hasattr(trt, "ComputeCapability")


@cache
def shared_logger() -> trt.ILogger:
    """Return the one logger of this process: TensorRT ignores every later one.

    It passes messages on to `logging` and keeps the last errors for `take_errors`.
    """
    import tensorrt as trt  # noqa: PLC0415

    levels = {
        trt.ILogger.Severity.INTERNAL_ERROR: logging.ERROR,
        trt.ILogger.Severity.ERROR: logging.ERROR,
        trt.ILogger.Severity.WARNING: logging.INFO,
        trt.ILogger.Severity.INFO: logging.DEBUG,
        trt.ILogger.Severity.VERBOSE: 0,
    }

    class Log(trt.ILogger):  # type: ignore[misc, unused-ignore]  # Any where tensorrt is not here
        def __init__(self) -> None:
            super().__init__()

        def log(self, severity: trt.ILogger.Severity, msg: str) -> None:
            level = levels[severity]
            if level >= logging.ERROR:
                # The parser's and builder's reason stands only here, not in what they return.
                _errors.append(msg)
                level = logging.DEBUG
            if level:
                log.log(level, "%s", msg)

    return Log()


_errors: list[str] = []


def take_errors() -> list[str]:
    """Return the errors that TensorRT logged since the last call, and forget them."""
    errors = _errors[-20:]
    _errors.clear()
    return errors
