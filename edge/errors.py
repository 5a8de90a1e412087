"""Errors of the edge package."""

from __future__ import annotations


class EdgeError(Exception):
    """Base of all errors of this package.

    EdgeError
    ├── UsageError                 the command's words do not fit together
    ├── NotReachableError          a service that a command needs does not answer
    ├── ToolMissingError           a program that a command needs is not installed
    └── SourceError                a source of pictures cannot be read as it is
        ├── AddressError           an address has a slip in it; trying again never helps
        ├── SourceMissingError     there is no such file, folder, address or device
        ├── SourceLostError        a live source stopped; trying again may help
        └── BackendMissingError    the library that this kind of source needs is not installed

    `exit_code` is what the command line ends with: 2 bad input, 3 something needed is missing.
    """

    exit_code = 1


class SourceError(EdgeError):
    """A source of pictures cannot be read as it is.

    Attributes:
        subject: the URI, without a password.
        found: what is there instead.
        expected: what can be read, or an empty string where `found` says it all.
        remedy: what the user can do about it.
    """

    exit_code = 2

    def __init__(self, subject: str, found: str, expected: str = "", remedy: str = "") -> None:
        self.subject = subject
        self.found = found
        self.expected = expected
        self.remedy = remedy
        message = f"{subject}: {found}"
        message += f", expected {expected}" if expected else ""
        super().__init__(message + (f"; {remedy}" if remedy else ""))


class AddressError(SourceError):
    """An address has a slip in it; trying again never helps."""


class SourceMissingError(SourceError):
    """There is no such file, folder, address or device."""


class SourceLostError(SourceError):
    """A live source does not answer or has stopped; trying again may help."""

    exit_code = 1


class BackendMissingError(SourceError):
    """The library that this kind of source needs is not installed."""

    exit_code = 3


class UsageError(EdgeError):
    """The command's words do not fit together."""

    exit_code = 2


class NotReachableError(EdgeError):
    """A service that a command needs does not answer."""

    exit_code = 3


class ToolMissingError(EdgeError):
    """A program that a command needs is not installed."""

    exit_code = 3
