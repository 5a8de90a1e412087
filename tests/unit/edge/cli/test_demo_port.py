"""The demonstration goes to the next port where its own is taken, and says so."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from edge.cli.demo import free_port

if TYPE_CHECKING:
    import pytest


def test_the_next_free_port_is_taken_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
        found = free_port(port)
        assert port < found < port + 20
        assert f"port {port} is taken: {found} instead" in capsys.readouterr().out


def test_any_port_stays_any_port(capsys: pytest.CaptureFixture[str]) -> None:
    assert free_port(0) == 0
    assert capsys.readouterr().out == ""
