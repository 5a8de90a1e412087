"""What commands print with `--json`, where it is not a value of another folder already.

Fields are printed in this order, under these names.
"""

from edge.json_output.engines import (
    BenchRow,
    Checked,
    ComparedAll,
    DeepStreamWritten,
    EngineAdded,
    EngineRow,
    EngineRows,
    EngineTimes,
    Examined,
    LayersCompared,
    PlansBuilt,
)
from edge.json_output.gallery import (
    Changed,
    Differs,
    Enrolled,
    Exported,
    Inspected,
    Match,
    Matches,
    ShownPerson,
    Verified,
)
from edge.json_output.library import LibraryImported, Offered, PicturesFetched
from edge.json_output.measured import (
    ClipsEvaluated,
    PicturesEvaluated,
    Probability,
    PromisesChecked,
    Receipt,
    ShippedGroups,
    Spread,
)
from edge.json_output.publishing import (
    FleetNow,
    KeyRotated,
    KeysMade,
    Published,
    Renewed,
    RolloutDecided,
    RolloutNow,
)

__all__ = [
    "BenchRow",
    "Changed",
    "Checked",
    "ClipsEvaluated",
    "ComparedAll",
    "DeepStreamWritten",
    "Differs",
    "EngineAdded",
    "EngineRow",
    "EngineRows",
    "EngineTimes",
    "Enrolled",
    "Examined",
    "Exported",
    "FleetNow",
    "Inspected",
    "KeyRotated",
    "KeysMade",
    "LayersCompared",
    "LibraryImported",
    "Match",
    "Matches",
    "Offered",
    "PicturesEvaluated",
    "PicturesFetched",
    "PlansBuilt",
    "Probability",
    "PromisesChecked",
    "Published",
    "Receipt",
    "Renewed",
    "RolloutDecided",
    "RolloutNow",
    "ShippedGroups",
    "ShownPerson",
    "Spread",
    "Verified",
]
