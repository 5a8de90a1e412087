"""The commands `gallery inspect`, `verify`, `audit`, `diff` and `export`."""

from __future__ import annotations

import base64
import itertools
from typing import TYPE_CHECKING

import jinja2
import msgspec
from rich.table import Table

from edge.cli.console import err, out, print_json
from edge.json_output import Differs, Exported, Inspected, ShownPerson, Verified
from engines.files import write_atomically
from engines.look import page_css
from engines.scores.model import score_model
from gallery.errors import GalleryCorruptError
from gallery.inspect.audit import audit
from gallery.inspect.compare import difference
from gallery.inspect.export import export
from gallery.search.open import open_gallery
from gallery.store.person import in_language
from gallery.store.store import current_release, no_gallery, release_numbers, verify

if TYPE_CHECKING:
    from pathlib import Path

    from gallery.search.search import Gallery
    from gallery.store.person import Person
    from gallery.store.release import Release

_PAGE = """<!doctype html>
<html lang="{{ lang }}">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>Gallery, release {{ release.number }}</title>
<style>{{ style | safe }}</style>
<header><h1>Release {{ release.number }}: {{ release.people_count }}
 {{ "person" if release.people_count == 1 else "people" }}</h1>
<p>Model {{ release.model }}, {{ release.dim }} dimensions,
 {{ release.segments | length }} segments,
 {{ release.tombstones | length }} tombstones, written {{ release.created }}.
 {% if shown < release.people_count %}The first {{ shown }} are shown.{% endif %}</p></header>
<main><ul class="faces">{% for p, photo in people %}
<li>{% if photo %}<img alt="" loading="lazy" src="data:image/jpeg;base64,{{ photo }}">
{%- else %}<span class="none"></span>{% endif %}
<b>{{ p.name }}</b><br><code>{{ p.id }}</code><br>
<small>{{ p.role }}{% if p.role %}; {% endif %}
 {{- p.pictures }} picture{{ "s" * (p.pictures != 1) }},
 {{ p.templates }} template{{ "s" * (p.templates != 1) }}</small>{% endfor %}
</ul></main>
"""
_PAGE_PEOPLE = 2000


def inspect_gallery(folder: Path, *, html: Path | None, top: int, lang: str, json: bool) -> None:
    """Print what a gallery holds, and write it as a page."""
    release, _ = current_release(folder)
    gallery = open_gallery(folder)
    shown = [_row(gallery, person, lang) for person in itertools.islice(gallery.people(), top)]
    if html is not None:
        write_atomically(html, _page(release, gallery, lang).encode())
    size = sum(file.size for file in release.files)
    if json:
        print_json(
            Inspected(
                gallery=str(folder),
                release=release.number,
                model=release.model,
                dim=release.dim,
                created=release.created,
                people=gallery.people_count,
                templates=gallery.template_count,
                index=gallery.index,
                bytes=size,
                segments=list(release.segments),
                tombstones=len(release.tombstones),
                kept_releases=release_numbers(folder),
                first_people=shown,
            )
        )
        return
    out.print(
        f"{folder}: release {release.number} of {release.created}\n"
        f"model {release.model}, {release.dim} dimensions, {gallery.index} search\n"
        f"{gallery.people_count} people, {gallery.template_count} templates, "
        f"{size / 1e6:.2f} MB in {len(release.segments)} segments, "
        f"{len(release.tombstones)} tombstones",
        markup=False,
    )
    table = Table("id", "name", "role", "pictures", "templates")
    for row in shown:
        table.add_row(row.id, row.name, row.role, str(row.pictures), str(row.templates))
    if shown:
        out.print(table)
    if len(shown) < gallery.people_count:
        out.print(f"… and {gallery.people_count - len(shown)} more")
    if html is not None:
        err.print(f"wrote {html}", markup=False)


def verify_gallery(folder: Path, *, json: bool) -> None:
    """Print what is damaged.

    Raises:
        GalleryCorruptError: anything is.
        GalleryMissingError: there is no gallery.
    """
    numbers = release_numbers(folder)
    if not numbers:
        raise no_gallery(folder)
    problems = verify(folder)
    if json:
        print_json(Verified(str(folder), numbers, problems))
    if problems:
        raise GalleryCorruptError("\n".join(problems))
    if not json:
        out.print(f"{folder}: all files of {len(numbers)} releases are whole", markup=False)


def audit_gallery(folder: Path, *, at_most: int, top: int, json: bool) -> None:
    """Print what is doubtful."""
    gallery = open_gallery(folder)
    with err.status("comparing people"):
        found = audit(gallery, score_model(gallery.model).labels, at_most=at_most)
    if json:
        print_json(found)
        return
    pairs = Table("person", "looks like", "score", "", title="people who look alike")
    for pair in found.look_alikes[:top]:
        same = "one person?" if pair.likely_same else ""
        pairs.add_row(pair.a, pair.b, f"{pair.score:.2f}", same)
    weak = Table("person", "templates", "agreement", title="templates that disagree")
    for one in found.weak[:top]:
        weak.add_row(one.id, str(one.templates), f"{one.agreement:.2f}")
    wrong = Table("person", "template", "own", "looks like", "score", title="wrong labels?")
    for error in found.label_errors[:top]:
        row = (error.id, str(error.template), f"{error.own:.2f}", error.other)
        wrong.add_row(*row, f"{error.other_score:.2f}")
    single = Table("person", title="one picture only")
    for person_id in found.single[:top]:
        single.add_row(person_id)
    for table, advice in (
        (
            pairs,
            (
                "One person under two ids: remove one. Two people: enrol better pictures of both; "
                'a face between them is shown as "A or B".'
            ),
        ),
        (weak, "Look at their pictures (gallery export) and take out what shows somebody else."),
        (wrong, "Look at this picture; if the label is wrong, enrol the person again without it."),
        (
            single,
            "Nothing confirms it. Enrol two or three more: frontal, sharp, 100 px and more.",
        ),
    ):
        if table.row_count:
            out.print(table)
            out.print(advice)
    out.print(
        f"{found.checked} of {found.people} people looked at: {len(found.look_alikes)} pairs look "
        f"alike, {len(found.weak)} people have templates that disagree, "
        f"{len(found.label_errors)} templates may have a wrong label, {len(found.single)} people "
        "were enrolled with one picture"
    )


def diff_galleries(a: Path, b: Path, *, json: bool) -> None:
    """Print who differs."""
    found = difference(open_gallery(a), open_gallery(b))
    if json:
        print_json(Differs(found.same, **msgspec.structs.asdict(found)))
        return
    if found.model:
        out.print(f"models: {found.model[0]}, {found.model[1]}", markup=False)
    for sign, ids in (("+", found.added), ("-", found.removed)):
        for person_id in ids:
            out.print(f"{sign} {person_id}", markup=False)
    for person_id in sorted({*found.text, *found.templates}):
        what = [
            w
            for w, ids in (("text", found.text), ("templates", found.templates))
            if person_id in ids
        ]
        out.print(f"~ {person_id} ({', '.join(what)})", markup=False)
    out.print(
        f"{len(found.added)} added, {len(found.removed)} removed, "
        f"{len({*found.text, *found.templates})} changed"
    )


def export_gallery(folder: Path, output: Path, *, json: bool) -> None:
    """Write a folder per person."""
    count = export(open_gallery(folder), output)
    if json:
        print_json(Exported(str(folder), str(output), count))
    else:
        out.print(f"{output}: {count} people", markup=False)


def _row(gallery: Gallery, person: Person, lang: str) -> ShownPerson:
    return ShownPerson(
        person.id,
        person.name(lang),
        in_language(person.role, lang),
        pictures=len(person.pictures),
        templates=len(gallery.templates_of(person.id)),
    )


def _page(release: Release, gallery: Gallery, lang: str) -> str:
    people = [
        (_row(gallery, person, lang), base64.b64encode(person.photo).decode())
        for person in itertools.islice(gallery.people(), _PAGE_PEOPLE)
    ]
    page = jinja2.Environment(autoescape=True).from_string(_PAGE)
    return page.render(
        release=release, people=people, shown=len(people), lang=lang, style=page_css()
    )
