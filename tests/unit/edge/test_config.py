"""A configuration that cannot be meant is refused by its key, whatever the bytes."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config import RunConfig, parse_config, read_config
from edge.errors import UsageError

REFUSED = {
    "[video]\nthreads = -3": "threads",
    "[video]\nthreads = 100000": "threads",
    "[recognise]\nthreads = 100000": "threads",
    "[video]\nfps = nan": "video.fps",
    "[video]\nfps = 0": "fps",
    "[video]\nfps = inf": "fps",
    "[video]\nsize = [0, 0]": "size",
    "[video]\nsize = [1920, -1]": "size",
    "[video]\nread_timeout_s = nan": "video.read_timeout_s",
    "[video]\nopen_timeout_s = -1": "open_timeout_s",
    "[video]\nmax_height = -1": "max_height",
    '[serve]\nhosts = ["*"]': "hosts",
    '[serve]\nhosts = ["tv.local", "http://tv.local/"]': "hosts",
    '[serve]\nhost = ""': "host",
    '[serve]\nhost = "a b"': "host",
    '[events]\ndevice = "tv/#"': "device",
    '[events]\ndevice = "+"': "device",
    '[events]\ndevice = "a/b"': "device",
    '[recognise]\ncast = [""]': "cast",
    "[recognise]\nfpir = nan": "recognise.fpir",
    "[buttons]\nlong_press_back_s = nan": "buttons.long_press_back_s",
    'source = "rtsp://x\\u0000y"': "source",
    'gallery = "\\u202egallery"': "gallery",
    'source = "' + "x" * 5000 + '"': "source",
    'video = {demuxer = {a = "\\u001b[2J"}}': "video.demuxer.a",
}


@pytest.mark.parametrize(("text", "key"), REFUSED.items())
def test_what_no_setting_can_mean_is_refused_by_its_key(
    text: str, key: str, tmp_path: Path
) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text + "\n")
    with pytest.raises(UsageError, match=key.replace(".", r"\.")) as refused:
        read_config(path)
    assert "\x1b" not in str(refused.value)
    assert "c.toml" in str(refused.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::", "::1", "tv.local", "localhost"])
def test_addresses_and_names_are_taken(host: str) -> None:
    text = f'[serve]\nhost = "{host}"\nhosts = ["{host}"]\n'
    assert parse_config(text.encode(), "c").serve.host == host


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode(errors="replace")))
def test_any_bytes_are_a_configuration_or_a_usage_error(data: bytes) -> None:
    with suppress(UsageError):
        assert isinstance(parse_config(data, "c"), RunConfig)


def test_deep_and_endless_files_are_refused() -> None:
    for data in (b"a = " + b"[" * 50_000, b"#" * (2 << 20), b"a." * 3_000 + b"b = 1"):
        with pytest.raises(UsageError):
            parse_config(data, "c")
