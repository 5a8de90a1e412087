"""Errors of the demonstration."""


class DemoError(Exception):
    """The demonstration's material cannot be made; `exit_code` 3: something needed is missing."""

    exit_code = 3
