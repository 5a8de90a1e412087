"""What set-up says while it installs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.install_packages import Progress

if TYPE_CHECKING:
    import pytest


def test_packages_and_megabytes_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    progress.take("Collecting numpy>=2.0\n")
    progress.take("  Using cached numpy-2.4.6.whl.metadata (6.6 kB)\n")
    for _ in range(9):
        progress.take("  Using cached numpy-2.4.6-cp311-manylinux.whl (16.5 MB)\n")
    progress.take("Downloading msgspec-0.20.0-cp311.whl (219 kB)\n")
    progress.take("Installing collected packages: numpy, msgspec\n")
    assert (progress.packages, round(progress.mb, 1)) == (10, 148.7)
    told = capsys.readouterr().out.splitlines()
    assert [line.partition("] ")[2] for line in told] == [
        "10 packages, 149 MB, msgspec",
        "10 packages, 149 MB, unpacking",
    ]
