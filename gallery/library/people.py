"""Credits of many titles made people: one each, whatever they are called in one or another."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import msgspec

from gallery.errors import GalleryInputError
from gallery.store.limits import MAX_WORKS
from gallery.store.person import Work, check_person_id, derive_person_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gallery.titles.title import CastMember, Title

MAX_OWN_WORKS = min(200, MAX_WORKS)


class LibraryPerson(msgspec.Struct, frozen=True):
    """Somebody of a library.

    Attributes:
        id: for the gallery.
        name: the spelling that most titles use.
        keys: what they are recognised by: `tmdb:31`, `imdb:nm0000158`, `name:tomhanks`.
        pictures: paths and URLs, best first.
        works: titles that they are in, best known first.
    """

    id: str
    name: str
    keys: tuple[str, ...]
    pictures: tuple[str, ...] = ()
    works: tuple[Work, ...] = ()


class _Group:
    """Credits that are of one person."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        self.credits: list[tuple[int, CastMember, Title]] = []

    def add(self, credit: tuple[int, CastMember, Title]) -> None:
        """Take a credit: place in the cast, who, in what."""
        self.credits.append(credit)
        for provider, value in credit[1].ids.items():
            self.ids.setdefault(provider, value)


def name_key(name: str) -> str:
    """Return what two spellings of a name have in common: no case, accents, marks and spaces."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    letters = (c for c in plain if not "\u0300" <= c <= "\u036f")
    return "".join(c for c in letters if c.isalnum() or unicodedata.category(c) in {"Mn", "Mc"})


def people_of(
    titles: Iterable[Title],
    more_pictures: Mapping[str, Sequence[str]],
    known: Mapping[str, str],
) -> tuple[tuple[LibraryPerson, ...], tuple[str, ...]]:
    """Return everybody of some titles, sorted by id, and what is doubtful, in sentences.

    One provider's id makes one person of all spellings; two ids of one provider make two people of
    one name. Credits without an id are told apart by name.

    Args:
        titles: with casts.
        more_pictures: by `name_key`.
        known: ids of an earlier import, by key, which stay.
    """
    doubts: list[str] = []
    groups = _groups(titles, doubts)
    taken: set[str] = set()
    found = []
    for group in sorted(groups, key=lambda g: not any(k in known for k in _keys(g))):
        name = Counter(member.name for _, member, _ in group.credits).most_common(1)[0][0]
        person_id = _id(group, name, known, taken)
        if person_id is None:
            doubts.append(f"{name!a}: no letter or digit to make an id of, left out")
            continue
        taken.add(person_id)
        found.append(_person(person_id, name, group, more_pictures))
    return tuple(sorted(found, key=lambda person: person.id)), tuple(doubts)


def _groups(titles: Iterable[Title], doubts: list[str]) -> list[_Group]:
    credits_ = [(n, member, title) for title in titles for n, member in enumerate(title.cast)]
    roots = _roots([member.ids for _, member, _ in credits_])
    by_root: dict[str, _Group] = defaultdict(_Group)
    by_name: dict[str, dict[str, None]] = defaultdict(dict)
    for credit in credits_:
        if credit[1].ids:
            root = _root(roots, _id_keys(credit[1].ids)[0])
            by_root[root].add(credit)
            by_name[name_key(credit[1].name)][root] = None
    groups = {key: _joined([by_root[root] for root in found]) for key, found in by_name.items()}
    for credit in credits_:
        member, title = credit[1], credit[2]
        if member.ids:
            continue
        same_name = [g for g in groups.setdefault(name_key(member.name), []) if g.credits]
        if len(same_name) > 1:
            doubts.append(
                f"{member.name}: {len(same_name)} people have this name, and "
                f"{title.names[0]} does not tell which one it is; not credited"
            )
            continue
        if not same_name:
            same_name = [_Group()]
            groups[name_key(member.name)] += same_name
        same_name[0].add(credit)
    every = {id(group): group for found in groups.values() for group in found if group.credits}
    return list(every.values())


def _id_keys(ids: Mapping[str, str]) -> list[str]:
    return [f"{provider}:{value}" for provider, value in sorted(ids.items())]


def _roots(every: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return a forest over ids: those that stand together anywhere have one root."""
    parents: dict[str, str] = {}
    for ids in every:
        keys = _id_keys(ids)
        for key in keys:
            parents.setdefault(key, key)
            parents[_root(parents, key)] = _root(parents, keys[0])
    return parents


def _root(parents: dict[str, str], key: str) -> str:
    while parents[key] != key:
        parents[key] = parents[parents[key]]
        key = parents[key]
    return key


def _joined(same_name: list[_Group]) -> list[_Group]:
    """Return groups of one name, those put together that no provider tells apart."""
    kept: list[_Group] = []
    for group in same_name:
        into = next((k for k in kept if k.ids.keys().isdisjoint(group.ids)), None)
        if into is None:
            kept.append(group)
            continue
        for credit in group.credits:
            into.add(credit)
        group.credits.clear()
    return kept


def _keys(group: _Group) -> list[str]:
    names = {f"name:{name_key(member.name)}" for _, member, _ in group.credits}
    return _id_keys(group.ids) or sorted(names)


def _id(group: _Group, name: str, known: Mapping[str, str], taken: set[str]) -> str | None:
    for key in _keys(group):
        if key in known and known[key] not in taken:
            return known[key]
    try:
        wanted = derive_person_id(name)[0]
    except GalleryInputError:
        return None
    if wanted not in taken:
        return wanted
    endings = [f"_{p}{value}" for p, value in group.ids.items()] + [f"_{n}" for n in range(2, 99)]
    for ending in endings:
        try:
            person_id = check_person_id(wanted[:100] + ending)
        except GalleryInputError:
            continue
        if person_id not in taken:
            return person_id
    return None


def _person(
    person_id: str, name: str, group: _Group, more_pictures: Mapping[str, Sequence[str]]
) -> LibraryPerson:
    names = dict.fromkeys(name_key(member.name) for _, member, _ in group.credits)
    own = [m.picture for _, m, _ in group.credits if m.picture]
    shared = [picture for key in names for picture in more_pictures.get(key, ())]
    return LibraryPerson(
        person_id,
        name,
        tuple(_keys(group)),
        tuple(dict.fromkeys([*own, *shared])),
        _works(group),
    )


def _works(group: _Group) -> tuple[Work, ...]:
    found: dict[tuple[str, int | None], tuple[int, Work]] = {}
    for place, member, title in group.credits:
        name = title.series if title.kind == "episode" and title.series else title.names[0]
        year = None if title.kind == "episode" else title.year
        if title.kind == "episode" and any(key[0] == name for key in found):
            continue
        if title.kind == "series":
            found.pop((name, None), None)
        if (name, year) not in found:
            found[name, year] = (place, Work(name, year, member.role))
    best = sorted(
        found.values(), key=lambda work: (work[0], -(work[1].year or 0), str(work[1].title))
    )
    return tuple(work for _, work in best[:MAX_OWN_WORKS])
