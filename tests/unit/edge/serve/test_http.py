import json
import resource
import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from socket import SHUT_RDWR, SO_LINGER, SOL_SOCKET, create_connection

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from edge.video.age import now_s
from edge.video.frame import Frame
from tests.polling import until
from tests.serving import Device4Tests, face, serving


@pytest.fixture(scope="module")
def device() -> Iterator[Device4Tests]:
    with serving(preview=True) as made:
        yield made


@pytest.fixture
def client(device: Device4Tests) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=device.url) as made:
        yield made


def live(device: Device4Tests, path: str = "api/live", **more: object):
    more.setdefault("close_timeout", 0.5)  # a reader that is behind cannot answer a closing
    return connect(device.url.replace("http", "ws") + path, **more)


def receive(socket, kind: str) -> dict:
    while True:
        message = json.loads(socket.recv(timeout=5))
        if message["type"] == kind:
            return message


def until_frame(socket, index: int) -> int:
    frame = 0
    while frame < index:
        frame = receive(socket, "scene")["frame"]
    return frame


def handshake(device: Device4Tests) -> socket.socket:
    """Return a socket that has joined the live protocol and that nobody reads from."""
    one = create_connection((device.server.host, device.server.port), timeout=5)
    one.sendall(
        b"GET /api/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert one.recv(12) == b"HTTP/1.1 101"
    return one


def nobody_reads(device: Device4Tests) -> bool:
    device.show(face(1, 50, "ada"))  # a reader that has gone is noticed when something is sent
    return device.hub.readers == 0


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def process_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def test_page_and_files_have_strict_headers(client: httpx.Client, device: Device4Tests) -> None:
    port = device.server.port
    for path in ("/", "/overlay.js", "/texts.js", "/tokens.css", "/overlay.css", "/favicon.svg"):
        answer = client.get(path)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert f"connect-src 'self' ws://127.0.0.1:{port} wss://127.0.0.1:{port};" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<script>" not in client.get("/").text
    assert client.get("/../../etc/passwd").status_code == 404
    assert client.get("/languages").status_code == 404
    assert client.get("/%2e%2e/http.py").status_code == 404


def test_health_and_readiness(client: httpx.Client, device: Device4Tests) -> None:
    assert client.get("/healthz").text == "ok\n"
    device.index = 0
    assert client.get("/readyz").status_code == 503
    device.show()
    assert client.get("/readyz").status_code == 200


def test_press_answers_now_and_refines_over_the_socket(
    client: httpx.Client, device: Device4Tests
) -> None:
    with live(device) as socket:
        device.show(face(1, 50, "ada"), face(2, 300, None, "profile"))
        before = device.presses
        answer = client.post("/api/press", json={}).json()
        assert [p["id"] for p in answer["people"]] == ["ada"]
        assert (answer["refined"], device.presses) == (False, before + 1)
        assert [u["why"] for u in answer["unnamed"]] == ["profile"]
        first = receive(socket, "answer")  # any overlay opens, whoever pressed
        assert (first["press"], first["refined"]) == (answer["press"], False)
        refined = receive(socket, "answer")
        assert (refined["press"], refined["refined"]) == (answer["press"], True)


def test_press_over_the_socket(device: Device4Tests) -> None:
    with live(device) as socket:
        device.show(face(1, 50, "ada"))
        socket.send("no json")
        for nonsense in ("[]", '{"type": "none"}', '{"type": "press", "at": 1e400}', "{" * 4000):
            socket.send(nonsense)
        socket.send(json.dumps({"type": "press"}))
        assert [p["id"] for p in receive(socket, "answer")["people"]] == ["ada"]


def test_scenes_are_small_and_carry_names(device: Device4Tests) -> None:
    with live(device) as socket:
        hello = receive(socket, "hello")
        assert (hello["v"], hello["preview"]) == (1, True)
        assert receive(socket, "state")["source"] == "playing"
        device.show(*(face(i, 20 * i, "ada" if i == 0 else None, "too_small") for i in range(12)))
        scene = receive(socket, "scene")
        while len(scene["faces"]) != 12:
            scene = receive(socket, "scene")
        assert scene["names"]["ada"]["zh"] == "爱达·洛夫莱斯"
        assert "more" not in scene or scene["more"] == 0


def test_a_slow_reader_gets_the_newest_and_holds_nobody_up(device: Device4Tests) -> None:
    with live(device) as slow, live(device) as quick:
        receive(slow, "hello")
        receive(quick, "hello")
        begun = time.perf_counter()
        for _ in range(500):
            device.show(face(1, 50, "ada"))
        assert time.perf_counter() - begun < 10  # a reader that is waited for takes for ever
        assert receive(quick, "scene")["frame"] > 0
        newest = 0
        while newest < device.index:
            newest = receive(slow, "scene")["frame"]


def test_preview_holds_scene_and_picture_together(device: Device4Tests) -> None:
    with live(device, "api/preview") as socket:
        time.sleep(0.2)
        device.show(face(7, 100, "ada"))
        message = socket.recv(timeout=5)
        length = int.from_bytes(message[:4], "little")
        assert json.loads(message[4 : 4 + length])["faces"][0]["track"] == 7
        assert message[4 + length : 6 + length] == b"\xff\xd8"


def test_people_and_photos(client: httpx.Client) -> None:
    ada = client.get("/api/people/ada").json()
    assert ada["names"]["en"] == "Ada Lovelace"
    assert ada["works"][0]["year"] == 1843
    assert client.get(ada["photo"]).headers["content-type"] == "image/jpeg"
    assert client.get("/api/people/eve").json()["photo"] is None
    assert client.get("/api/people/eve/photo").status_code == 404
    assert client.get("/api/people/nobody").status_code == 404


def test_feedback(client: httpx.Client, device: Device4Tests) -> None:
    assert client.post("/api/feedback", json={"track": 4, "id": "ada"}).status_code == 200
    assert device.feedback.taken[-1] == (4, "ada")
    assert client.post("/api/feedback", json={"track": 4, "id": "who"}).status_code == 404
    assert "tvradar_feedback_total 1.0" in client.get("/metrics").text


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(body=st.binary(max_size=200) | st.text(max_size=50).map(lambda t: json.dumps(t).encode()))
def test_no_body_makes_a_server_error(client: httpx.Client, body: bytes) -> None:
    for path in ("/api/press", "/api/feedback"):
        assert client.post(path, content=body).status_code in {200, 400, 404, 429}


def test_large_bodies_are_refused(client: httpx.Client) -> None:
    time.sleep(1)
    assert client.post("/api/press", content=b"{" + b" " * 5000).status_code == 413
    chunks = (b" " * 1000 for _ in range(20))
    assert client.post("/api/press", content=chunks).status_code == 413


def test_other_hosts_and_origins_are_refused(client: httpx.Client, device: Device4Tests) -> None:
    assert client.get("/", headers={"host": "evil.example"}).status_code == 421
    for host in ("[::1", "localhost:1;script-src *", "localhost:x", "[:::::]", ""):
        assert client.get("/", headers={"host": host}).status_code == 421
    for origin in ("http://[::1", "http://½", "null", ""):
        answer = client.post("/api/press", json={}, headers={"origin": origin.encode("latin-1")})
        assert answer.status_code == 403
    assert client.get("/", headers={"host": f"localhost:{device.server.port}"}).status_code == 200
    evil = {"origin": "http://evil.example"}
    assert client.post("/api/press", json={}, headers=evil).status_code == 403
    with pytest.raises(InvalidStatus) as refusal, live(device, origin="http://evil.example"):
        pass
    assert refusal.value.response.status_code == 403


POSTS = {
    "/api/press": {},
    "/api/feedback": {"track": 1, "id": "ada"},
    "/api/seek": {"to_s": 1.0},
}


@pytest.mark.parametrize("path", POSTS)
def test_every_command_knows_the_page_by_its_origin(
    client: httpx.Client, device: Device4Tests, path: str
) -> None:
    """Chromium 69 sends "null" from a page without referrers, as a stranger's frame does."""
    assert client.get("/").headers["referrer-policy"] == "same-origin"
    own = {"origin": device.url.rstrip("/")}
    assert client.post(path, json=POSTS[path], headers=own).status_code == 200
    null = {"origin": "null"}
    assert client.post(path, json=POSTS[path], headers=null).status_code == 403


def test_a_reader_always_hears_something_and_an_old_scene_loses_its_names() -> None:
    with serving() as device, live(device) as socket:
        assert receive(socket, "hello")
        device.show(face(1, 60, "ada"))
        assert receive(socket, "scene")["faces"][0]["id"] == "ada"
        began_s = heard_s = time.monotonic()
        scene = None
        while scene is None:
            message = json.loads(socket.recv(timeout=1))
            assert time.monotonic() - heard_s < 1
            heard_s = time.monotonic()
            assert message["type"] in {"state", "scene"}
            scene = message if message["type"] == "scene" else None
        assert scene["faces"] == []
        assert scene["stale"]
        assert 1.4 < heard_s - began_s < 2.0
        assert httpx.get(device.url + "api/scene").json()["faces"] == []
        with live(device) as late:
            assert receive(late, "scene")["faces"] == []


def test_an_old_picture_is_not_sent() -> None:
    with serving(preview=True) as device, live(device, "api/preview") as socket:
        time.sleep(0.2)
        picture = np.zeros((36, 64, 3), np.uint8)
        assert device.preview
        device.preview.publish(Frame(picture, 0.0, 0, 0), b"{}", now_s() - 60)
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.5)
        device.preview.publish(Frame(picture, 0.0, 0, 0), b"{}")
        assert socket.recv(timeout=5)


def test_commands_are_limited(client: httpx.Client) -> None:
    with ThreadPoolExecutor(30) as crowd:
        answers = list(crowd.map(lambda _: client.post("/api/press"), range(90)))
    assert 429 in {answer.status_code for answer in answers}
    time.sleep(1.1)
    assert client.post("/api/press", json={}).status_code == 200


def test_a_token_in_the_address_is_nothing_where_none_is_set(client: httpx.Client) -> None:
    answer = client.get("/", params={"token": "秘密"})
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers


def test_commands_over_the_socket_are_limited_too(device: Device4Tests) -> None:
    time.sleep(1.1)
    before = device.presses
    with live(device) as socket:
        for _ in range(200):
            socket.send('{"type": "press"}')
        receive(socket, "answer")
        time.sleep(0.3)
    assert 0 < device.presses - before < 60
    time.sleep(1.1)


def test_readers_that_never_read_cost_little_and_hold_nobody_up(device: Device4Tests) -> None:
    stuck = [handshake(device) for _ in range(100)]
    try:
        until(lambda: device.hub.readers >= 100)
        before = process_mb()
        with live(device) as quick:
            receive(quick, "hello")
            faces = [face(i, 20.0 * i, "ada") for i in range(12)]
            begun = time.perf_counter()
            for _ in range(600):
                device.show(*faces)
                time.sleep(0.001)
            assert time.perf_counter() - begun < 20
            assert until_frame(quick, device.index) == device.index
        # 600 scenes of 1 kB for 100 readers would be 60 MB; what the sockets hold is bounded
        assert process_mb() - before < 30
    finally:
        for one in stuck:
            one.close()
    until(lambda: nobody_reads(device))


def test_many_connects_and_drops_leak_nothing(device: Device4Tests) -> None:
    threads, files = threading.active_count(), open_files()
    for i in range(500):
        one = handshake(device)
        if i % 3 == 0:
            one.shutdown(SHUT_RDWR)
        if i % 3 == 1:  # a reset in the middle of what is being sent
            one.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        one.close()
        device.show(face(1, 50, "ada"))
    until(lambda: nobody_reads(device))
    until(lambda: open_files() <= files + 2)
    assert threading.active_count() <= threads


@pytest.mark.parametrize("at", ["1e308", "-1e308", "4.1e9", "1e999"])
def test_a_moment_that_no_programme_has_is_refused(client: httpx.Client, at: str) -> None:
    answer = client.post("/api/press", content=f'{{"at": {at}}}')
    assert answer.status_code == 400


def test_a_moment_that_is_not_remembered_is_not_answered_with_another_one() -> None:
    with serving() as device, httpx.Client(base_url=device.url) as client:
        nothing = client.post("/api/press", json={"at": 0.1})
        assert nothing.status_code == 404
        assert "not remembered, nothing yet is" in nothing.json()["error"]
        device.show(face(1, 60, "ada"))
        at_s = device.history.moment_s(0)
        assert client.post("/api/press", json={"at": at_s}).status_code == 200
        for far_s in (99.0, -99.0):
            answer = client.post("/api/press", json={"at": far_s})
            assert answer.status_code == 404
            assert f"{far_s} s is not remembered, 0.0 to" in answer.json()["error"]
        assert client.post("/api/press", json={}).status_code == 200


def test_a_source_that_has_ended_is_started_again(
    client: httpx.Client, device: Device4Tests
) -> None:
    assert client.post("/api/restart", json={}).status_code == 409
    device.player.can_restart = True
    assert client.post("/api/restart", json={}).json() == {"restarted": True}
    assert device.player.restarts == 1
