"""Scripts of others read these names: they stay, in this order."""

from __future__ import annotations

import msgspec
import pytest

from edge import json_output as printed

NAMES = {
    "Examined": "findings",
    "EngineRow": "model version task licence path present fp32_mb int8_path int8_status",
    "EngineRows": "engines",
    "EngineAdded": "model identity sha256",
    "Checked": "files passed",
    "LayersCompared": "layers first_drifted",
    "PlansBuilt": "plans chosen",
    "BenchRow": "model threads batch fp32_ms int8_ms ratio",
    "EngineTimes": "onnxruntime tensorrt",
    "ComparedAll": "images fpir pairs",
    "Enrolled": "gallery release model people templates pictures left_out same_faces "
    "few_pictures reports",
    "Changed": "gallery release people segments tombstones",
    "ChangedVoice": "voices person speech_s",
    "ShownPerson": "id name role pictures templates",
    "Inspected": (
        "gallery release model dim created people templates index bytes segments tombstones "
        "kept_releases first_people"
    ),
    "Match": "id name score",
    "Matches": "image threshold people",
    "Verified": "gallery releases problems",
    "Exported": "gallery output people",
    "Differs": "same model added removed text templates",
    "DeepStreamWritten": "folder files",
    "LibraryImported": (
        "gallery release titles people enrolled no_picture one_picture looks_like left left_out "
        "pictures"
    ),
    "PicturesFetched": "fetched kept",
    "Offered": "page views people",
    "Receipt": "ok lines readings subtitles cues naming voices told",
    "KeysMade": "home root",
    "KeyRotated": "role key sent",
    "Renewed": "signed sent",
    "Published": "release bytes share paused sent",
    "RolloutDecided": "plan decision",
    "FleetNow": (
        "release devices online current confirmed tried bad waiting clock_suspect named_share "
        "named_share_before by_release errors stuck percent"
    ),
    "RolloutNow": "plan fleet advice",
    "ClipsEvaluated": "clips people nobody map",
    "PicturesEvaluated": (
        "rank1 tpir interval mated nonmated threshold measured_thresholds unsupported "
        "without_face shipped probability"
    ),
    "ShippedGroups": "promised_fpir groups",
    "Probability": "ece bins",
    "Spread": "mean sd",
    "PromisesChecked": "people searches pairs promised impostors shipped galleries",
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
