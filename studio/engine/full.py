"""When memory or disk are full: how the libraries say so, and room for a last word about it."""

import errno
import os
import shutil
from pathlib import Path

MEMORY = ("can't allocate memory", "out of memory", "Cannot allocate memory", "std::bad_alloc")
DISK = ("No space left on device", "File too large", "Disk quota exceeded", "file write failed")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
ROOM = 1 << 16  # bytes held back for the last word
KEEPSAKE = ".room"  # the file that holds them


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the device or the computer had no memory left, whatever the library calls it."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    # On a CPU torch says it with a RuntimeError, and bitsandbytes on a GPU with its own words.
    return isinstance(error, RuntimeError) and any(words in str(error) for words in MEMORY)


def is_disk_full(error: BaseException | None) -> bool:
    """Whether the disk had no room left, or that was why this error came about."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        if not isinstance(error, OSError) and any(words in str(error) for words in DISK):
            return True
        error = error.__cause__ or error.__context__
    return False


def demand_room(folder: Path, size: int) -> None:
    """OSError if so many bytes do not fit on the disk beside the last word."""
    if shutil.disk_usage(folder).free < size + ROOM:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def hold_room(folder: Path) -> None:
    """Take the room for a last word as long as there is any. OSError if there is none."""
    with (folder / KEEPSAKE).open("wb") as file:
        file.write(bytes(ROOM))  # written and not only promised, which some disks do not keep
        file.flush()
        os.fsync(file.fileno())


def give_room(folder: Path) -> None:
    """Let go of the room that was held."""
    (folder / KEEPSAKE).unlink(missing_ok=True)
