"""Fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


# What INT8 file this machine's cache happens to hold must not decide what is tested.
os.environ.setdefault("TVRADAR_PRECISION", "fp32")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder of real pictures, which is no part of the project."""
    path = Path(os.environ.get("TVRADAR_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (path / "sitcom").is_dir():
        pytest.skip(f"{path}: no test data there; set TVRADAR_TEST_DATA")
    return path
