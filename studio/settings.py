"""Where the studio keeps its things, and the few limits that hold for one machine."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """One home folder and the places inside it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path

    @property
    def datasets(self) -> Path:
        """Frozen datasets, one folder each."""
        return self.home / "datasets"

    @property
    def runs(self) -> Path:
        """Runs, one folder each."""
        return self.home / "runs"

    @property
    def templates(self) -> Path:
        """A person's own prompt templates, one YAML file each."""
        return self.home / "templates"

    @property
    def probes(self) -> Path:
        """A person's own probes, one YAML file each."""
        return self.home / "probes"

    @property
    def chats(self) -> Path:
        """Saved conversations, one JSON file each."""
        return self.home / "chats"

    @property
    def drafts(self) -> Path:
        """What was gathered in chat to be learned, one folder per draft."""
        return self.home / "drafts"

    @property
    def pairs(self) -> Path:
        """Frozen pairs of chosen and rejected answers, one file each."""
        return self.home / "pairs"

    @property
    def workbooks(self) -> Path:
        """Rows that a person works on until they are frozen, one folder per workbook."""
        return self.home / "workbooks"

    @property
    def decks(self) -> Path:
        """A person's own decks of prompts, one JSON-lines file each, and the runs of decks."""
        return self.home / "decks"

    @property
    def arena(self) -> Path:
        """Blind arenas with their votes, one folder each."""
        return self.home / "arena"

    @property
    def races(self) -> Path:
        """Who ran in races of recipes, one JSON file each."""
        return self.home / "races"

    @property
    def cache(self) -> Path:
        """What can be made again: self-generated text, scores of a base."""
        return self.home / "cache"

    @property
    def logs(self) -> Path:
        """What the chat engine and the warm standby print."""
        return self.home / "logs"

    def make_folders(self) -> None:
        """Create the home folder (readable by its owner only) and the folders inside it."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (
            self.datasets,
            self.runs,
            self.templates,
            self.probes,
            self.chats,
            self.drafts,
            self.workbooks,
            self.arena,
            self.decks,
            self.races,
            self.cache,
            self.logs,
        ):
            folder.mkdir(exist_ok=True)


def settings(home: Path | str | None = None) -> Settings:
    """Settings for `home`, else for STUDIO_HOME, else for the folder in the person's data folder.

    The only place that reads an environment variable of ours.
    """
    chosen = home or os.environ.get("STUDIO_HOME") or "~/.local/share/instruct-studio"
    return Settings(home=Path(chosen).expanduser().resolve())
