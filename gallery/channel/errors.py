"""What can go wrong in an update.

GalleryError
└── SyncError            the update did not happen; the release in use stays
    ├── Refused          something arrived that must not be believed; `attack` names it
    ├── SourceError      a source did not deliver; the next one may
    └── SyncSetupError   wrong configuration
"""

from __future__ import annotations

from gallery.errors import GalleryError


class SyncError(GalleryError):
    """The update did not happen; the release in use stays."""


class SyncSetupError(SyncError):
    """A setting or a folder is wrong."""

    exit_code = 2


class SourceError(SyncError):
    """A source did not deliver."""

    exit_code = 3


class Refused(SyncError):  # noqa: N818 - it is the answer "no", and reads so where it is caught
    """What arrived must not be believed; reads `rollback refused: timestamp 41 < 42`."""

    def __init__(self, attack: str, detail: str) -> None:
        super().__init__(f"{attack} refused: {detail}")
        self.attack = attack
        self.detail = detail
