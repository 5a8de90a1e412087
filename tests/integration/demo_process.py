"""The demonstration: its material, and `tvradar demo` as a process; for the browser's tests too."""

from __future__ import annotations

import re
import subprocess
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import pytest

from edge.demo.compose import prepare
from edge.demo.errors import DemoError
from engines.files import cache_dir
from tests.integration.conftest import TVRADAR
from tests.shared import alone_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge.demo.compose import DemoMaterial


@cache
def material() -> DemoMaterial:
    """Return the demonstration's people and film; skip where its photographs are not to be had."""
    try:
        with alone_at("demo"):
            return prepare(cache_dir(), show_progress=False)
    except DemoError as error:
        pytest.skip(f"the demonstration's photographs are not here: {error}")


@contextmanager
def demo(seconds: int = 90) -> Iterator[str]:
    """Run it, and give the address of its overlay."""
    material()
    command = [TVRADAR, "demo", "--no-browser", "--port", "0", "--seconds", str(seconds)]
    process = subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout
    said = ""
    try:
        for line in process.stdout:
            said += line
            if found := re.search(r"publish a stranger at (\S+/)demo$", said, re.MULTILINE):
                break
        else:
            raise AssertionError(said)
        yield found[1]
    finally:
        process.terminate()
        rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0, said + rest
