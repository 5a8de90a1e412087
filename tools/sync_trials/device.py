"""A device for the trials: `device.py FOLDER URI ROOT NAME [nofsync]`, runs until it is killed."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path


def main() -> None:
    """Run the service."""
    folder, uri, root, name = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4]
    if "nofsync" in sys.argv[5:]:
        # The counter-proof of the power-cut trial: the same code on a disk that promises too much.
        os.fsync = os.fdatasync = lambda _fd: None
    from gallery.sync import service as module

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    module.RETRY_S = 1.0
    service = module.SyncService(
        module.Settings(name, uri, folder / "gallery", folder / "state", root, silence_s=1.0),
        lambda status: (folder / "told").write_text(str(status)) if folder.is_dir() else None,
    )
    if service.link:
        service.link.backoff.base_s = 0.5
    service.run()


if __name__ == "__main__":
    main()
