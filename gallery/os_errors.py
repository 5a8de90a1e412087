"""What the operating system refused, in a line that says what helps."""

from __future__ import annotations

import errno

_ROOM = "make room there (df, df -i), or name another folder"
_RIGHT = "give this user the right, or name another folder"
_REMEDIES = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EROFS: "mount it so that it can be written to, or name another folder",
    errno.EACCES: _RIGHT,
    errno.EPERM: _RIGHT,
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "raise the system's limit of open files (fs.file-max)",
    errno.EIO: "the disk fails, see dmesg",
}


def reason_of(error: OSError) -> str:
    """Return what was refused, where, and what helps."""
    where = ", ".join(str(name) for name in (error.filename, error.filename2) if name)
    text = ": ".join(filter(None, (where, error.strerror or str(error))))
    remedy = _REMEDIES.get(error.errno or 0)
    return f"{text}; {remedy}" if remedy else text
