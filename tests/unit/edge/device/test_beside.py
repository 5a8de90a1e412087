"""What is beside recognition fails without ending it, and says so once."""

import pytest

from edge.device.beside import Beside
from edge.recognise.load_shedding import LoadShedder, read_zones


def test_a_failure_is_counted_told_once_and_told_when_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    counted: list[str] = []
    beside = Beside(counted.append)
    for _ in range(1000):
        beside.run("heat", lambda: 1 / 0)
    beside.run("heat", lambda: None)
    beside.run("heat", lambda: None)
    assert counted == ["heat"] * 1000
    assert [r.getMessage() for r in caplog.records] == [
        "heat failed, recognition goes on: ZeroDivisionError('division by zero')",
        "heat works again",
    ]


class NoDescriptors:
    """A folder that cannot be listed for want of descriptors."""

    def glob(self, _pattern: str) -> object:
        raise OSError(24, "Too many open files")


def test_heat_cannot_be_read_without_descriptors_and_that_is_no_failure() -> None:
    folder = NoDescriptors()
    assert read_zones(folder) == []  # type: ignore[arg-type]
    clock = iter(range(100))
    shedder = LoadShedder(lambda: read_zones(folder), lambda: float(next(clock)))  # type: ignore[arg-type]
    looked = [shedder.worked(0.1) for _ in range(20)]
    assert any(looked)
