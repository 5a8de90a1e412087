"""Keys of the configuration that had another name before."""

from edge.config import parse_config


def test_a_configuration_of_before_says_pulse_and_means_the_heartbeat() -> None:
    assert parse_config(b'pulse = "/run/p.json"', "old").heartbeat == "/run/p.json"
    assert parse_config(b'heartbeat = "/run/p.json"', "new").heartbeat == "/run/p.json"
