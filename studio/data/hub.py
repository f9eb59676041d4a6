"""Rows of a dataset on the Hugging Face Hub, or in a folder it could be uploaded from.

`datasets` reads it in a process of its own. HF_HUB_OFFLINE is respected: what is in the cache is
read from there, anything else is refused in one sentence.
"""

import json
import os
import re
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from studio.data.child_rows import read_child
from studio.data.readers import ROWS, Rows, sort_rows
from studio.errors import DatasetError

SECONDS = 900.0
CHARACTERS = 500_000_000
PASSED_ON = (
    "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH",
    "HF_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE", "HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE",
    "HF_ENDPOINT", "HF_TOKEN", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE",
)  # fmt: skip

_NAME = re.compile(
    r"(?P<path>[\w.-]+(?:/[\w.-]+)?)(?:@(?P<config>[\w.+-]+))?(?::(?P<split>[\w+\[\]:%-]+))?"
)


@dataclass(frozen=True)
class HubName:
    """Which dataset: owner/name[@config][:split]."""

    path: str
    config: str | None = None
    split: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """The name in a text; DatasetError if it is none. An existing folder is one as well."""
        path, _, split = text.rpartition(":") if not Path(text).is_dir() else (text, "", "")
        if Path(path).is_absolute() and Path(path).is_dir():
            return cls(path, split=split or None)
        found = _NAME.fullmatch(text)
        if not found or ".." in text or len(text) > 200:
            raise DatasetError(
                f"'{text[:80]}' is no dataset of the Hub; write owner/name, owner/name@config or "
                "owner/name:split."
            )
        return cls(**found.groupdict())


def read_hub(text: str) -> Rows:
    """All rows of a Hub dataset; without a split those of all, told apart by a column.

    DatasetError says in one sentence what the Hub, the cache or the dataset refuses.
    """
    name = HubName.parse(text)
    wish = asdict(name) | {"rows": ROWS, "characters": CHARACTERS}
    notes: list[str] = []
    kept = {key: os.environ[key] for key in PASSED_ON if key in os.environ}
    records = read_child(
        [sys.executable, "-m", "studio.engine.fetch_rows", json.dumps(wish)],
        name=f"Dataset {text}",
        environment=kept | {"HF_HUB_DISABLE_TELEMETRY": "1", "TQDM_DISABLE": "1"},
        seconds=SECONDS,
        notes=notes,
    )
    found = sort_rows(records, text, kind="a dataset of the Hub")
    return Rows(found.rows, found.refused, found.lines, found.kind, tuple(dict.fromkeys(notes)))
