"""What can go wrong when a gallery is published."""

from __future__ import annotations

from gallery.errors import GalleryError


class PublishError(GalleryError):
    """The release was not published, or only to a part; publishing again completes it."""


class PublishInputError(PublishError):
    """What was given cannot be published."""

    exit_code = 2


class KeyMissingError(PublishError):
    """A private key that is needed is not at hand."""

    exit_code = 3
