"""A page of faces to look at, read back as what it offers."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from edge.errors import UsageError
from edge.timeline.proposal import BEGIN, Proposal, ProposedView, read_proposal, to_page

if TYPE_CHECKING:
    from pathlib import Path

NASTY = '</script><img src=x onerror="alert(1)">&'


def view(number: int, png: str = b64encode(b"png").decode()) -> ProposedView:
    return ProposedView(number, "ann", NASTY, 61.5, 0.61, 0.3, png)


def test_what_is_written_is_read_back_and_no_name_is_a_tag(tmp_path: Path) -> None:
    proposal = Proposal(NASTY, "/mine", (view(1), view(2)))
    page = to_page(proposal)
    assert b"<img src=x" not in page
    assert page.count(b"</script>") == 1
    (tmp_path / "faces.html").write_bytes(page)
    assert read_proposal(tmp_path / "faces.html") == proposal


@pytest.mark.parametrize(
    ("page", "told"),
    [
        (b"<html>", "no proposal in it"),
        (BEGIN + b"{}", "no proposal in it"),
        (BEGIN + b"[1]</script>", "expected a page of library learn"),
        (BEGIN + b'{"film":"f","gallery":"g","version":2}</script>', "version 2, expected 1"),
    ],
)
def test_another_page_is_refused(page: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_bytes(page)
    with pytest.raises(UsageError, match=told):
        read_proposal(tmp_path / "page.html")
    with pytest.raises(UsageError, match="No such file"):
        read_proposal(tmp_path / "none.html")


def test_a_damaged_picture_is_refused() -> None:
    with pytest.raises(UsageError, match="picture 3 is damaged"):
        view(3, "%%%").picture()
