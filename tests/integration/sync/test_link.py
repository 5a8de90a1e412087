"""The link to a broker over what goes wrong on the ground: certificates that come late, names."""

from __future__ import annotations

import logging
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from gallery.channel.broker import Broker
from gallery.channel.link import LinkState, MqttLink
from tests.integration.sync.conftest import Mosquitto
from tests.polling import until

if TYPE_CHECKING:
    from pathlib import Path

TLS = """
listener {port} 127.0.0.1
allow_anonymous true
user root
certfile {folder}/ca.pem
keyfile {folder}/key.pem
"""


def make_certificate(folder: Path) -> None:
    folder.mkdir()
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", folder / "key.pem", "-out", folder / "ca.pem"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
        ],
        check=True,
        capture_output=True,
    )


def test_a_certificate_that_comes_late_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_certificate(tmp_path / "broker")
    broker = Mosquitto(tmp_path / "broker", TLS)
    late = tmp_path / "late.pem"
    address = Broker.from_uri(f"mqtts://localhost:{broker.port}?ca={late}")
    try:
        with (
            caplog.at_level(logging.WARNING),
            MqttLink(address, "tv", backoff_base_s=0.2) as link,
        ):
            until(lambda: "check ca, cert and key" in caplog.text)
            assert "died" not in caplog.text
            late.write_text("no certificate yet")
            time.sleep(0.5)
            late.write_bytes((tmp_path / "broker" / "ca.pem").read_bytes())
            link.wait_up(20)
            assert link.state is LinkState.UP
    finally:
        broker.kill()


@pytest.mark.parametrize("protocol", [4, 5])
def test_two_devices_of_one_name_are_told_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, protocol: int
) -> None:
    broker = Mosquitto(tmp_path / "broker")
    address = Broker.from_uri(f"mqtt://127.0.0.1:{broker.port}?protocol={protocol}")
    try:
        with (
            caplog.at_level(logging.WARNING),
            MqttLink(address, "same-tv", backoff_base_s=0.2),
            MqttLink(address, "same-tv", backoff_base_s=0.2),
        ):
            until(lambda: "another device called same-tv" in caplog.text)
    finally:
        broker.kill()
