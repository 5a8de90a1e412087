"""INT8 files in the cache: where they are, and whether the parity gate let them pass.

Three files an artefact, of which the verdict is written last: `X.onnx`, the calibration record
`X.json` and the verdict `X.gate.json`, which names the sha256 of the file that it is about. A small
file `NAME-VERSION-int8.current` names the artefact in use.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from engines.catalog import model_identity
from engines.errors import EngineGateError, ModelMissingError
from engines.files import BAD_JSON, cache_dir, write_atomically


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the parity gate said about one file.

    Attributes:
        file_sha256: of the INT8 file that was measured.
        passed: whether all bars were met.
        failures: the bars that were missed, each with the figure.
        figures: all that was measured, as `tvradar calibrate report --json` prints it.
    """

    file_sha256: str
    passed: bool
    failures: tuple[str, ...]
    figures: dict[str, object]


def models_dir() -> Path:
    """Return the folder of the model files."""
    return cache_dir() / "models"


def artefact_path(identity: str, key: str) -> Path:
    """Return where the INT8 file of a model (`sface-2021dec`) with this key is."""
    return models_dir() / f"{identity}-int8-{key}.onnx"


def make_current(identity: str, path: Path) -> None:
    """Let this artefact be the one in use."""
    write_atomically(models_dir() / f"{identity}-int8.current", f"{path.name}\n".encode())


def current_int8(name: str) -> Path | None:
    """Return the INT8 file in use of a catalog model, if there is one."""
    pointer = models_dir() / f"{model_identity(name)}-int8.current"
    if not pointer.is_file():
        return None
    path = models_dir() / Path(pointer.read_text(errors="replace").strip()).name
    return path if path.is_file() else None


def require_int8(name: str) -> Path:
    """Return the INT8 file in use.

    Raises:
        ModelMissingError: none was made.
    """
    path = current_int8(name)
    if path is None:
        raise ModelMissingError(
            f"model {name}: no INT8 file, expected one in {models_dir()}; run "
            f'"tvradar calibrate int8 --model {name} --images DIR" with pictures of faces'
        )
    return path


def verdict_path(path: Path) -> Path:
    """Return where the verdict about a file is."""
    return path.with_suffix(".gate.json")


def read_verdict(path: Path) -> Verdict | None:
    """Return the verdict about a file; None if the gate never ran or the file changed since."""
    try:
        verdict = msgspec.json.decode(verdict_path(path).read_bytes(), type=Verdict)
    except (FileNotFoundError, *BAD_JSON):
        return None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return verdict if verdict.file_sha256 == digest else None


def noted_sha256(path: Path) -> str | None:
    """Return the sha256 that the verdict beside a file names, whatever the file holds now."""
    try:
        verdict = msgspec.json.decode(verdict_path(path).read_bytes(), type=Verdict)
    except (FileNotFoundError, *BAD_JSON):
        return None
    return verdict.file_sha256


def require_passed(name: str, path: Path) -> Verdict:
    """Return the verdict of a file that passed.

    Raises:
        EngineGateError: it failed, or never ran for exactly these bytes.
    """
    verdict = read_verdict(path)
    again = (
        f'run "tvradar calibrate report --model {name} --images DIR" to measure it, '
        "or run with --unverified"
    )
    if verdict is None:
        why = (
            "changed since the parity gate ran"
            if verdict_path(path).is_file()
            else ("never ran the parity gate")
        )
        raise EngineGateError(f"{path.name}: {why}, expected a verdict about its sha256; {again}")
    if not verdict.passed:
        raise EngineGateError(
            f"{path.name}: failed the parity gate ({'; '.join(verdict.failures)}); {again}"
        )
    return verdict
