"""Files are there whole or not at all, and as readable as the user's own."""

import os
import resource
import stat
from pathlib import Path

import pytest

from engines.errors import CacheFolderError
from engines.files import draft_of, write_atomically


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_has_the_permissions_that_the_umask_gives(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "deep" / "page.html", b"content")
    finally:
        os.umask(before)
    path = tmp_path / "deep" / "page.html"
    assert path.read_bytes() == b"content"
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_leaves_nothing_behind_where_it_fails(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_atomically(tmp_path / "taken", b"content")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


def test_a_disk_without_room_is_told_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            write_atomically(path, bytes(1 << 17))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.filename == str(path)
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]
    assert path.read_bytes() == b"old"


def test_a_cache_that_cannot_be_made_says_which_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TVRADAR_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(CacheFolderError, match=r"file/cache: .*TVRADAR_CACHE") as caught:
        write_atomically(tmp_path / "file" / "cache" / "models" / "a.onnx", b"content")
    assert caught.value.exit_code == 3
    with pytest.raises(OSError, match="exists"):
        write_atomically(tmp_path / "file" / "page.html", b"content")


def test_a_draft_keeps_the_suffix_and_is_new(tmp_path: Path) -> None:
    first, second = (draft_of(tmp_path / "film.mp4") for _ in range(2))
    assert first != second
    assert {p.suffix for p in (first, second)} == {".mp4"}
