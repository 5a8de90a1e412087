"""Addresses of brokers, and a link whose certificate is not there yet."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery.channel.backoff import Backoff
from gallery.channel.broker import Broker
from gallery.channel.errors import SyncSetupError
from gallery.channel.link import LinkState, MqttLink

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "uri",
    [
        "mqtt://host:abc",
        "mqtt://host:99999",
        "mqtt://host:0",
        "mqtt://[host",
        "mqtt:///topic?password=sesame",
        "mqtt://host?protocol=five",
        "mqtt://host?protocol=3",
        "mqtt://host?retain=1",
        "http://host",
        "mqtt://me:ses#ame@host",
    ],
)
def test_a_slip_in_an_address_is_told_in_one_line(uri: str) -> None:
    with pytest.raises(SyncSetupError) as caught:
        Broker.from_uri(uri)
    assert caught.value.exit_code in {2, 3}
    assert "sesame" not in str(caught.value)
    assert "ses#ame" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    for uri in (text, f"mqtt://{text}", f"mqtts://host{text}"):
        with contextlib.suppress(SyncSetupError):
            assert 0 < Broker.from_uri(uri).port < 65536


def test_a_link_waits_for_a_certificate_that_is_not_there_yet(tmp_path: Path) -> None:
    broker = Broker.from_uri(f"mqtts://127.0.0.1:1?ca={tmp_path}/ca.pem")
    with MqttLink(broker, "tv", backoff_base_s=0.01) as link:
        until = time.monotonic() + 5
        while link.attempts < 3:
            assert time.monotonic() < until, link.reason
            time.sleep(0.01)
        assert link.state is not LinkState.CLOSED
        assert "ca" in link.reason


def test_connections_that_always_end_soon_have_a_suspicion() -> None:
    backoff = Backoff()
    told = []
    for second in range(4):
        backoff.up(float(second))
        told.append(backoff.why_so_brief(second + 0.5, "living-room"))
        backoff.next_s(second + 0.5)
    assert told[0] == ""
    assert "another device called living-room" in told[-1]
    backoff.up(10.0)
    assert backoff.why_so_brief(100.0, "living-room") == ""
