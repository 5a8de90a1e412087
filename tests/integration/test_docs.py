"""Every command in the README and in docs/ is run, word for word, in a folder that has their files.

Blocks marked `sh` are run. Indented blocks show forms, and the `make` targets that CI itself runs.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.free import SECOND, STAR, Free
from tests.integration.conftest import TVRADAR, shorten

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = [
    p
    for p in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    if BLOCK.search(p.read_text())
]
WAIT = """python3 - <<"E"
import time, urllib.request
for _ in range(150):
    try:
        urllib.request.urlopen("http://127.0.0.1:8787/readyz", timeout=1)
        break
    except OSError:
        time.sleep(0.2)
E"""


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands(page: Path, free: Free, tmp_path: Path) -> None:
    shutil.copytree(free.people / STAR, tmp_path / "people" / "lin")
    shutil.copytree(free.people / SECOND, tmp_path / "people" / "obama")
    shutil.copy(free.portrait, tmp_path / "face.jpg")
    rows = (f"{p.parent.name},{p.relative_to(tmp_path)}\n" for p in tmp_path.glob("people/*/*.*"))
    (tmp_path / "people.csv").write_text("id,picture\n" + "".join(rows))
    shorten(free.clip, tmp_path / "film.mp4", frames=180)
    film = tmp_path / "films" / "A Film"
    (film / ".actors").mkdir(parents=True)
    shutil.copy(tmp_path / "film.mp4", film / "film.mkv")
    shutil.copy(free.person(STAR), film / ".actors" / "Barack_Obama.jpg")
    actor = "<actor><name>Barack Obama</name></actor>"
    (film / "film.nfo").write_text(f"<movie><title>A Film</title>{actor}</movie>")
    path = f"{TVRADAR.parent}:{os.environ['PATH']}"
    script = ["set -e", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for block in BLOCK.findall(page.read_text()):
        for line in block.splitlines():
            script.append(line)
            if line.endswith("&"):
                script.append(WAIT)
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Traceback" not in done.stderr


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page}: {target}"
