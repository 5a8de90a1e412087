"""Errors of the gallery package."""


class GalleryError(Exception):
    """Base of all errors of this package.

    GalleryError
    ├── GalleryInputError      what was given (an id, a picture list, an argument) cannot be used
    ├── GalleryMissingError    there is no gallery, or a part that is needed is not there
    ├── GalleryCorruptError    a file is not what its release says; the message names the file
    │   └── GalleryDamagedError    its bytes are others: the disk rots, a copy failed
    ├── GalleryWriteError      a new release could not be written; the old one serves on
    └── ModelMismatchError     the gallery was made for another embedder

    `exit_code` is what the command line ends with: 2 bad input, 3 something needed is missing.
    """

    exit_code = 1


class GalleryInputError(GalleryError):
    """What the caller gave cannot be used."""

    exit_code = 2


class GalleryMissingError(GalleryError):
    """There is no gallery in the folder, or a file of it is not there."""

    exit_code = 3


class GalleryCorruptError(GalleryError):
    """A file's content differs from what its release says."""

    exit_code = 2


class GalleryDamagedError(GalleryCorruptError):
    """A file's bytes are not those that its release names: fetched again, they may be."""


class GalleryWriteError(GalleryError):
    """The new release could not be written; what was there before is untouched."""


class ModelMismatchError(GalleryError):
    """The gallery's templates come from another embedder than the one in use."""

    exit_code = 3
