"""Errors of the calibration package."""


class CalibrationError(Exception):
    """Base of all errors of this package.

    `exit_code` is what the command line ends with: 2 bad input, 3 something needed is missing.
    """

    exit_code = 2
