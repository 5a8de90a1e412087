"""Errors of the calibration package."""


class CalibrationError(Exception):
    """What was asked for cannot be measured or derived from what was given.

    `exit_code` is what the command line ends with: 2 bad input.
    """

    exit_code = 2
