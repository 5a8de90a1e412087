"""Scripts of others read these names: they stay, in this order."""

from __future__ import annotations

import msgspec
import pytest

from edge import json_output as printed

NAMES = {
    "Examined": "findings",
    "EngineRow": "model version task licence path present fp32_mb int8_path int8_status",
    "EngineRows": "engines",
    "Checked": "files passed",
    "BenchRow": "model threads batch fp32_ms int8_ms ratio",
    "EngineTimes": "onnxruntime tensorrt",
    "ComparedAll": "images fpir pairs",
    "Match": "id name score",
    "Matches": "image threshold people",
    "Verified": "gallery releases problems",
    "Exported": "gallery output people",
    "Differs": "same model added removed text templates",
    "Receipt": "ok lines",
    "KeysMade": "home root",
    "KeyRotated": "role key sent",
    "Renewed": "signed sent",
    "Published": "release bytes share paused sent",
    "RolloutDecided": "plan decision",
}


@pytest.mark.parametrize("kind", sorted(NAMES))
def test_names_stay(kind: str) -> None:
    assert " ".join(getattr(printed, kind).__struct_fields__) == NAMES[kind]


def test_all_are_here() -> None:
    kinds = {
        name
        for name, kind in vars(printed).items()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    }
    assert kinds == set(NAMES)
