"""Which models that names can do without are here, of what licence and what for."""

from pathlib import Path

import pytest

from edge.doctor.checks import optional_models


def test_they_are_told_with_licence_and_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TVRADAR_CACHE", str(tmp_path))
    found = {one.subject: one for one in optional_models()}
    assert set(found) == {"model centerface", "model resemblyzer", "model silerovad"}
    assert "Apache-2.0" in found["model resemblyzer"].found
    assert "MIT" in found["model silerovad"].found
    assert found["model centerface"].found == "not here (MIT), for turned faces"
    for name, one in found.items():
        assert (one.state, one.needed) == ("optional", False)
        assert one.remedy == f'run "tvradar engines fetch {name.removeprefix("model ")}"'
