"""Errors of enrolment."""

import sys

from gallery.errors import GalleryError


class CatalogueReadError(GalleryError):
    """Pictures cannot be reached; what was done is kept, and the next run goes on from there."""


class EnrolmentError(GalleryError):
    """A part of the catalogue cannot be enrolled; what was done is kept."""


class RayFailedError(EnrolmentError):
    """A cluster of Ray cannot be reached, or gave up; what was done is kept."""


class EnrolmentInterruptedError(GalleryError):
    """Somebody stopped the enrolment; what was done is kept."""


class CloudExtraMissingError(GalleryError):
    """Something needs the `cloud` extra."""

    exit_code = 3

    def __init__(self, subject: str) -> None:
        super().__init__(
            f"{subject}: needs packages for the cloud, which are not installed; "
            f"run {sys.executable} -m pip install fsspec pyarrow 'ray[data]'"
        )
