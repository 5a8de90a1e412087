"""What a film could teach, as a page to look at and a value to read back."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import jinja2
import msgspec

from edge.errors import UsageError
from edge.timeline.timeline import clock
from gallery.foreign_json import decode_json
from gallery.regular import open_regular

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 64 << 20
BEGIN, END = b'<script type="application/json" id="proposal">', b"</script>"
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>Faces of {{ film }}</title>
<style>
 body { font: 16px/1.4 system-ui, sans-serif; margin: 2rem; color: #222; background: #fff }
 ul { display: flex; flex-wrap: wrap; gap: 1rem; list-style: none; padding: 0 }
 li { width: 9rem }
 img { width: 9rem; height: 9rem; object-fit: cover; border-radius: .5rem; display: block }
 small { color: #555 }
</style>
<h1>Faces of {{ film }}</h1>
<p>Nothing has been enrolled. Look whether each face is the person's, then run
 <code>tvradar library accept PROPOSAL</code>, with <code>--without 3,7</code> for numbers that are
 somebody else's or poor.</p>
{% for person in people %}<h2>{{ person[0].name }}</h2>
<ul>{% for view in person %}
<li><img alt="number {{ view.number }}" src="data:image/png;base64,{{ view.png }}">
<b>{{ view.number }}</b> <small>at {{ clock(view.pts_s) }},
 {{ "%.2f" | format(view.score) }}, {{ "%.2f" | format(view.margin) }} before the next</small></li>
{%- endfor %}
</ul>{% else %}<p>No face of this film was sure enough.</p>{% endfor %}
"""


class ProposedView(msgspec.Struct, frozen=True):
    """See `edge.offline.learn.View`; `png` is base64."""

    number: int
    id: str
    name: str
    pts_s: float
    score: float
    margin: float
    png: str

    def picture(self) -> bytes:
        """Return the picture's bytes.

        Raises:
            UsageError: they are damaged.
        """
        try:
            return base64.b64decode(self.png, validate=True)
        except ValueError as error:
            raise UsageError(
                f"proposal: picture {self.number} is damaged; make it again"
            ) from error


class Proposal(msgspec.Struct, frozen=True):
    """Views that a film offers, for one gallery."""

    film: str
    gallery: str
    views: tuple[ProposedView, ...] = ()
    format: str = "tvradar-proposal"
    version: int = 1


def to_page(proposal: Proposal) -> bytes:
    """Return the page; the proposal itself lies in it."""
    people: dict[str, list[ProposedView]] = {}
    for view in proposal.views:
        people.setdefault(view.id, []).append(view)
    environment = jinja2.Environment(autoescape=True)
    page = environment.from_string(_PAGE).render(
        film=proposal.film, people=list(people.values()), clock=clock
    )
    # "<" would end the script where a name has "</script>" in it
    data = msgspec.json.encode(proposal).replace(b"<", b"\\u003c")
    return page.encode() + BEGIN + data + END + b"\n"


def read_proposal(path: Path) -> Proposal:
    """Return the proposal in a page.

    Raises:
        UsageError: the file is missing or something else.
    """
    try:
        with open_regular(path) as file:
            page = file.read(MAX_BYTES)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}, expected a page of library learn") from error
    _, begun, rest = page.rpartition(BEGIN)
    data, ended, _ = rest.partition(END)
    if not begun or not ended:
        raise UsageError(f'{path}: no proposal in it, expected a page of "tvradar library learn"')
    try:
        found = decode_json(data, Proposal)
    except msgspec.DecodeError as error:
        raise UsageError(f"{path}: {error}, expected a page of library learn") from error
    if (found.format, found.version) != ("tvradar-proposal", 1):
        raise UsageError(f"{path}: version {found.version}, expected 1; make it again")
    return found
