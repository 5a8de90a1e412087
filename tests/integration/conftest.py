"""Galleries of the real people, enrolled once by the command line itself."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

TVRADAR = Path(sys.executable).parent / "tvradar"


@dataclass(frozen=True)
class Ran:
    """What a command gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def tvradar(*words: object, timeout_s: float = 300) -> Ran:
    """Run the installed command."""
    done = subprocess.run(
        [str(TVRADAR), *map(str, words)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def sitcom(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    gallery = tmp_path_factory.mktemp("sitcom") / "gallery"
    assert tvradar("gallery", "enrol", data_dir / "sitcom" / "portraits", "-o", gallery).code == 0
    return gallery


@pytest.fixture(scope="session")
def concert(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    gallery = tmp_path_factory.mktemp("concert") / "gallery"
    assert tvradar("gallery", "enrol", data_dir / "concert" / "portraits", "-o", gallery).code == 0
    return gallery
