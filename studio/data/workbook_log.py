"""The file of what was done to a workbook: only ever appended to, and read on where it ended."""

from pathlib import Path

from pydantic import ValidationError

from studio.data.workbook_deeds import DEED, Deed
from studio.lines import append_lines


class DeedLog:
    """Read by whoever has the workbook open; written by one of them at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.read = 0
        """How many bytes were read by now."""

    def news(self) -> list[Deed]:
        """The deeds since it was last asked, of this process or another one."""
        if not self._path.exists() or self._path.stat().st_size == self.read:
            return []
        with self._path.open("rb") as file:
            file.seek(self.read)
            content = file.read()
        whole, newline, _ = content.rpartition(b"\n")
        self.read += len(whole) + len(newline)
        found = []
        for line in whole.split(b"\n") if newline else ():
            try:
                found.append(DEED.validate_json(line))
            except ValidationError:
                continue  # torn by a crash, and closed by the next deed
        return found

    def append(self, deed: Deed) -> None:
        """Write a deed down, so that it survives a power cut."""
        append_lines(self._path, [deed.model_dump_json()], lasting=True)
