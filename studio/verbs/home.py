"""One home folder, and the helpers in the background that everything else leans on."""

from pathlib import Path
from typing import Self

from studio.chat.archive import Archive
from studio.chat.client import ENGINE, ChatClient
from studio.data.drafts import Drafts
from studio.data.workbooks import Workbooks
from studio.settings import settings
from studio.tuning.launch import Launcher
from studio.tuning.minding import Minder


class Home:
    """A home folder with its settings, its collections, and the processes that help."""

    def __init__(self, home: Path | str | None = None) -> None:
        self.settings = settings(home)
        self.settings.make_folders()
        self._launcher = Launcher(self.settings.logs)
        self._minder = Minder(self.settings.runs, self._launcher)
        self._chat = ChatClient(self.settings.logs / "chat.log", [*ENGINE, str(self.settings.home)])
        self.chats = Archive(self.settings.chats)
        self.drafts = Drafts(self.settings.drafts)
        self.workbooks = Workbooks(self.settings.workbooks)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Send the helpers in the background home; runs go on."""
        self._minder.close()
        self._launcher.close()
        self._chat.close()
