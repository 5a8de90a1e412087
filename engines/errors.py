"""Errors of the engines package."""


class EngineError(Exception):
    """Base of all errors of this package.

    EngineError
    ├── ModelMissingError      a model file is not here and could not be fetched
    ├── CacheFolderError       the cache folder cannot be made or written to
    ├── ModelIntegrityError    a model file is not the one that the catalog names
    ├── EngineGateError        an INT8 file failed the parity gate, or never ran it
    ├── UnknownPrecisionError  a precision was asked for that does not exist
    ├── ScoreError             no threshold or probability can be derived
    ├── PictureError           a file is not a picture that can be read
    └── ModelShapeError        a tensor or a graph does not have the form that is needed

    `exit_code` is what the command line ends with: 2 bad input, 3 something needed is missing.
    """

    exit_code = 1


class ModelMissingError(EngineError):
    """A model file is neither in the cache nor can it be fetched."""

    exit_code = 3


class CacheFolderError(EngineError):
    """The cache folder cannot be made or written to."""

    exit_code = 3


class ModelIntegrityError(EngineError):
    """A file's sha256 differs from the catalog's."""

    exit_code = 3


class ModelShapeError(EngineError):
    """A tensor's name, dtype or shape does not fit the model."""

    exit_code = 2


class PictureError(EngineError):
    """A file is missing, or no picture, or damaged."""

    exit_code = 2


class EngineGateError(EngineError):
    """An INT8 file was not shown to give the same names as FP32."""

    exit_code = 3


class UnknownPrecisionError(EngineError):
    """A precision was asked for that does not exist."""

    exit_code = 2


class ScoreError(EngineError):
    """No threshold or probability can be derived from what was given."""

    exit_code = 2
