"""What others read keeps its form to the byte: names, order, and what is left out."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from edge.recognise.answer import Answer, AnswerPerson
from edge.recognise.scene import Candidate, Face, Scene
from edge.serve import messages
from edge.serve.live import Hub
from edge.serve.messages import AnswerMessage, DeviceStatus, Error, PersonCard, PersonScenes, encode
from edge.timeline.timeline import Interval
from gallery.store.person import Person, Picture, Work

DOCS = Path(__file__).resolve().parents[4] / "docs" / "overlay-protocol.md"

ADA = Person(
    "ada",
    {"en": "Ada", "zh": "艾达", "fr": "Adèle"},
    {"en": "Mathematician"},
    {"en": "Wrote."},
    (Work({"en": "Notes"}, 1843),),
    (Picture("ab", "x", "CC0"),),
    b"jpeg",
)
BOB = Person("bob", {"de": "Bob", "fr": "Robert"})

FACES = (
    Face(1, (1.2, 2.6, 30.5, 40.5), "ada", 0.456789, None, (Candidate("ada", 0.456789),)),
    Face(
        2,
        (1, 2, 100, 200),
        None,
        0.4,
        "ambiguous",
        (Candidate("ada", 0.4), Candidate("bob", 0.39), Candidate("eve", 0.2)),
    ),
    Face(3, (0, 0, 9, 9), None, 0.1, "too_small"),
    Face(4, (5, 5, 9, 9), None, 0.0, None),
)


class People:
    def person(self, person_id: str) -> Person | None:
        return {"ada": ADA, "bob": BOB}.get(person_id)

    def release(self) -> int:
        return 3


@pytest.fixture
def clock() -> list[float]:
    return [5.0]


@pytest.fixture
def hub(clock: list[float]) -> Hub:
    return Hub(People(), clock=lambda: clock[0])


HEAD = '{"type":"scene","pts_s":1.2346,"frame":7,"size":[1280,720],"shot":2,"release":3,'
SHOWN = (
    '"faces":[{"track":1,"box":[1,3,30,40],"id":"ada","score":0.46},'
    '{"track":2,"box":[1,2,100,200],"why":"ambiguous","candidates":["ada","bob"]},'
    '{"track":3,"box":[0,0,9,9],"why":"too_small"},{"track":4,"box":[5,5,9,9]}],'
    '"names":{"ada":{"en":"Ada","zh":"艾达"},"bob":{"de":"Bob"}},"more":0'
)


def test_a_scene(hub: Hub, clock: list[float]) -> None:
    scene = Scene(1.23456, 7, 1280, 720, 2, FACES, 3, "g")
    assert hub.publish(scene).decode() == HEAD + SHOWN + "}"
    clock[0] += 10
    assert hub.newest.decode() == HEAD + '"faces":[],"names":{},"more":0,"stale":true}'
    sent = hub.publish(scene, 12.34567).decode()
    assert sent == HEAD + SHOWN + ',"position_s":12.346}'


def test_a_state(hub: Hub) -> None:
    assert hub.state == b'{"type":"state","source":"connecting","detail":""}'


def test_an_answer_is_that_of_http_with_its_type_before_it() -> None:
    person = AnswerPerson("ada", {"en": "Ada"}, {}, 0.5, 1, None, "just_gone", 0.25, 0.9)
    answer = Answer(4, 12.5, refined=True, people=(person,), size=(1280, 720))
    plain = encode(answer)
    assert encode(AnswerMessage.of(answer)) == b'{"type":"answer",' + plain[1:]
    assert plain.startswith(
        b'{"press":4,"pts_s":12.5,"refined":true,"people":[{"id":"ada","names":{"en":"Ada"},'
        b'"role":{},"score":0.5,"track":1,"box":null,"present":"just_gone","seen_s":0.25,'
        b'"probability":0.9'
    )
    assert plain.endswith(
        b'],"ambiguous":[],"unnamed":[],"size":[1280,720],"picture_age_s":null,"texts":[]}'
    )


def test_a_person() -> None:
    assert encode(PersonCard.of(ADA)).decode() == (
        '{"id":"ada","names":{"en":"Ada","zh":"艾达","fr":"Adèle"},"role":{"en":"Mathematician"},'
        '"biography":{"en":"Wrote."},"works":[{"title":{"en":"Notes"},"year":1843,"role":""}],'
        '"pictures":[{"sha256":"ab","source":"x","licence":"CC0"}],'
        '"photo":"/api/people/ada/photo"}'
    )
    assert encode(PersonCard.of(BOB)).endswith(b'"photo":null}')


def test_scenes_of_a_person_a_status_and_errors() -> None:
    scenes = PersonScenes("ada", 9.4, (Interval(12.0, 21.4),), None, "live")
    assert encode(scenes) == (
        b'{"id":"ada","seconds":9.4,"intervals":[{"start_s":12.0,"end_s":21.4}],'
        b'"duration_s":null,"fixed":"live"}'
    )
    assert encode(DeviceStatus()) == (
        b'{"engines":[],"why":"","source":"connecting","picture_age_s":null,"release":0,'
        b'"scenes":0,"cast_unknown":[],"load_shedding":{"level":0,"why":""},'
        b'"spending":{"level":0,"why":""},"title":null}'
    )
    assert encode(Error("no")) == b'{"error":"no"}'
    assert encode(Error("no", "live")) == b'{"error":"no","fixed":"live"}'


def test_the_page_of_the_protocol_names_every_field() -> None:
    text = DOCS.read_text()
    kinds = [
        kind
        for kind in vars(messages).values()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    ]
    kinds += [Answer, AnswerPerson]
    missing = {
        f"{kind.__name__}.{field}"
        for kind in kinds
        for field in kind.__struct_fields__
        if f"`{field}`" not in text and f'"{field}"' not in text
    }
    assert not missing


def test_the_examples_of_the_page_are_messages_of_ours() -> None:
    """The scene that the page shows is read as a scene, and written as it stands there."""
    text = DOCS.read_text()
    begin = text.index('{"type": "scene"')
    shown = text[begin : text.index('"more": 0}') + len('"more": 0}')].replace("{…}", "{}")
    scene = msgspec.json.decode(shown.encode(), type=messages.SceneMessage)
    assert json.loads(encode(scene)) == json.loads(shown)
