"""The lock on a run folder: one process at a time."""

import fcntl  # POSIX only; on Windows the package runs under WSL
import os
import time
from pathlib import Path

from experiments.errors import UserError

LOCK = ".lock"
POLL = 0.1  # seconds between two attempts


def acquire(path: Path, patience: float = 0.0) -> int:
    """Lock a folder, waiting so many seconds for whoever has it; returns the file that is to be closed to unlock it.

    The kernel drops the lock with its owner, however that ends, so no stale lock can remain.

    Raises:
        UserError: it cannot be written or locked, or another process has it.
    """
    try:
        lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise UserError(f"cannot write in {path} ({error.strerror}): choose another folder with --out") from error
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                os.close(lock)
                raise UserError(f"{path} is in use by another process: wait for it, or choose another --out") from error
            time.sleep(POLL)
        except OSError as error:
            os.close(lock)
            raise UserError(f"{path} cannot be locked ({error.strerror}): choose a folder on a local disk") from error
