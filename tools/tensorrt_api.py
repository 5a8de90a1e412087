"""Hold `engines/tensorrt` against the real Python API of several TensorRT versions.

For each version: pip downloads NVIDIA's bindings (about 1 MB, no TensorRT library in it) into a
cache, empty shared objects let them import, stubgen writes stubs of what they really offer, and
mypy checks our code against these. A name or a signature that a version does not have is an error,
unless `hasattr` guards it. This proves names, not behaviour; nothing of the bindings is kept in the
project.

    python tools/tensorrt_api.py [--level 10.3.0] [FILE...]

Exit codes: 0 all names exist, 1 some do not, 77 could not be checked here (says why).
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import platformdirs

ROOT = Path(__file__).resolve().parent.parent
LEVELS = ("10.3.0", "10.16.1.11", "11.4.0.106")
"""JetPack 6.1/6.2, 7.2 and 7.2.2. The first has no wheel for Python 3.13."""

SKIPPED = 77

# What the bindings link to; they call none of it while they are imported.
SYMBOLS = (
    "createInferBuilder_INTERNAL",
    "createInferRefitter_INTERNAL",
    "createInferRuntime_INTERNAL",
    "createNvOnnxParserRefitter_INTERNAL",
    "createNvOnnxParser_INTERNAL",
    "getBuilderPluginRegistry",
    "getNvOnnxParserVersion",
    "getPluginRegistry",
    "initLibNvInferPlugins",
)
LIBRARIES = ("nvinfer", "nvinfer_plugin", "nvonnxparser")

CONFIGURATION = """\
[mypy]
strict = true
python_version = {python}
follow_imports = silent
warn_unused_ignores = false
disable_error_code = var-annotated
[mypy-numpy.*,msgspec.*,platformdirs.*,onnx.*]
follow_imports = skip
[mypy-cuda.*,pycuda.*,jetson_utils.*,tensorrt_rtx]
ignore_missing_imports = true
"""


class CannotCheckError(Exception):
    """Something that the check needs is not to be had here."""


def main() -> int:
    """Check each level; print what mypy says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--level", action="append", choices=LEVELS, help="default: all")
    parser.add_argument("files", nargs="*", type=Path, help="default: engines/tensorrt/*.py")
    arguments = parser.parse_args()
    files = arguments.files or sorted((ROOT / "engines" / "tensorrt").glob("*.py"))
    worst = 0
    for level in arguments.level or LEVELS:
        try:
            stubs = make_stubs(level)
        except CannotCheckError as error:
            print(f"TensorRT {level}: not checked: {error}")
            worst = worst or SKIPPED
            continue
        errors = check(stubs, files)
        print(f"TensorRT {level}: {len(files)} files, {len(errors)} errors")
        print("\n".join(errors), end="\n" if errors else "")
        worst = 1 if errors else worst
    return worst


def make_stubs(level: str) -> Path:
    """Return a folder with a stub package `tensorrt` of one version; cached.

    Raises:
        CannotCheckError: no compiler, or no wheel for this Python.
    """
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = Path(platformdirs.user_cache_dir("tvradar")) / "tensorrt-api" / f"{level}-py{python}"
    if (folder / "tensorrt" / "__init__.pyi").is_file():
        return folder
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        _dummy_libraries(work, major=level.partition(".")[0])
        _unpack(level, python, work)
        environment = {**os.environ, "PYTHONPATH": str(work), "LD_LIBRARY_PATH": str(work)}
        stubgen = "from mypy.stubgen import main; main()"  # compiled: has no -m
        command = [sys.executable, "-c", stubgen, "--quiet", "--inspect-mode", "-m"]
        command += ["tensorrt_bindings.tensorrt", "-o", str(work / "stubs")]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, cwd=work
        )
        stub = work / "stubs" / "tensorrt_bindings" / "tensorrt.pyi"
        if done.returncode or not stub.is_file():
            raise RuntimeError(f"stubgen: {done.stdout}{done.stderr}")
        package = work / "package" / "tensorrt"
        package.mkdir(parents=True)
        lines = [_mend(line) for line in stub.read_text().splitlines()]
        (package / "__init__.pyi").write_text(
            "\n".join(["import typing", *lines, "__version__: str", ""])
        )
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.move(package.parent, folder)
    return folder


def _mend(line: str) -> str:
    """Mend what inspection cannot see, or what the bindings document in a way that is no Python."""
    if line.startswith("class IHostMemory"):
        # The buffer protocol is a slot of the C type, which has no name before Python 3.12.
        return f"{line}\n    def __buffer__(self, flags: typing.SupportsInt) -> memoryview: ..."
    found = re.match(r"(\s*)def (\w+)\(.*: \.\.\.$", line)
    if not found:
        return line
    try:
        ast.parse(line.strip())
    except SyntaxError:
        return f"{found[1]}def {found[2]}(self, *args, **kwargs): ..."
    return line


def _dummy_libraries(folder: Path, *, major: str) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise CannotCheckError("no C compiler (cc); install gcc")
    source = folder / "dummy.c"
    source.write_text("\n".join(f"void *{name}(void) {{ return 0; }}" for name in SYMBOLS))
    for name in LIBRARIES:
        library = f"lib{name}.so.{major}"
        link = ["-shared", "-fPIC", f"-Wl,-soname,{library}", "-o", str(folder / library)]
        subprocess.run([compiler, *link, str(source)], check=True)


def _unpack(level: str, python: str, folder: Path) -> None:
    requirement = f"tensorrt-cu12-bindings=={level}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotCheckError(f"pip cannot get {requirement} for Python {python} on this machine")
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)


def check(stubs: Path, files: list[Path]) -> list[str]:
    """Return mypy's errors in our files; those in the generated stubs are not ours."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    with tempfile.TemporaryDirectory() as name:
        configuration = Path(name) / "mypy.ini"
        configuration.write_text(CONFIGURATION.format(python=python))
        command = [sys.executable, "-m", "mypy", "--config-file", str(configuration)]
        command += ["--no-error-summary", "--hide-error-context", "--no-color-output"]
        command += ["--cache-dir", str(stubs / ".mypy_cache"), *map(str, files)]
        environment = {**os.environ, "MYPYPATH": f"{stubs}{os.pathsep}{ROOT}"}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
    if done.returncode > 1:
        raise RuntimeError(f"mypy: {done.stdout}{done.stderr}")
    lines = [line for line in done.stdout.splitlines() if ": error:" in line]
    return [line for line in lines if "tensorrt/__init__.pyi" not in line]


if __name__ == "__main__":
    sys.exit(main())
