"""Whether voices can be compared here, and by models of what licence."""

from pathlib import Path

import pytest

from edge.doctor.checks import voice_models


def test_models_of_voices_are_told_with_licence_and_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TVRADAR_CACHE", str(tmp_path))
    found = {one.subject: one for one in voice_models()}
    assert set(found) == {"model resemblyzer", "model silerovad"}
    assert "Apache-2.0" in found["model resemblyzer"].found
    assert "MIT" in found["model silerovad"].found
    for name, one in found.items():
        assert (one.state, one.needed) == ("optional", False)
        assert one.remedy == f'run "tvradar engines fetch {name.removeprefix("model ")}"'
