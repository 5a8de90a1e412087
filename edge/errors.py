"""Errors of the edge package."""


class EdgeError(Exception):
    """Base of all errors of this package.

    `exit_code` is what the command line ends with: 2 bad input, 3 something needed is missing.
    """

    exit_code = 1


class UsageError(EdgeError):
    """The command's words do not fit together."""

    exit_code = 2


class NotReachableError(EdgeError):
    """A service that a command needs does not answer."""

    exit_code = 3
