"""Errors of the demonstration."""

from edge.errors import EdgeError


class DemoError(EdgeError):
    """The demonstration's material cannot be made; `exit_code` 3: something needed is missing."""

    exit_code = 3
