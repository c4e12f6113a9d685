"""One program a data directory: a lock that the system lets go of when its holder dies."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from src.ports import MendInput, StopTrading

LOCK = ".lock"


@contextmanager
def only_instance(folder: Path, name: str = LOCK) -> Iterator[None]:
    """Hold a lock of the folder. Raises StopTrading when another process holds it."""
    path = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Somebody who only asks whether it is held holds it for a moment.
        lock = FileLock(path, timeout=0.5)
        lock.acquire()
    except Timeout as error:
        raise StopTrading(
            f"{folder}: another run of this program is using this data directory. "
            "Wait for it to end, or name another folder with --data-dir; nothing was done."
        ) from error
    except OSError as error:
        raise MendInput(
            f"{folder}: the data directory cannot be written ({error.strerror}). "
            "Make it writable, or name another with --data-dir."
        ) from error
    try:
        yield
    finally:
        lock.release()


def is_held(folder: Path) -> bool:
    """Whether a process is at work in the folder. It creates nothing where there was nothing."""
    path = folder / LOCK
    if not path.exists():
        return False
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return True
    lock.release()
    return False
