"""What a workbook is, and the files it consists of.

workbooks/<id>/
  card.json       what it is and where its rows came from
  rows.jsonl      [row, origin] as they came in, a line each
  refused.jsonl   [place, reason] of every record that could not be used
  edits.jsonl     one line per deed; only ever appended to
  checked.json    what the checks found last
"""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

CARD, CAME, REFUSED, EDITS = "card.json", "rows.jsonl", "refused.jsonl", "edits.jsonl"
CHECKED = "checked.json"


class WorkbookCard(BaseModel):
    """What a workbook is; written once, when it is begun."""

    # Cards of before also say what was found while the rows were read.
    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    id: str
    """Name of its folder."""
    title: str
    """What people see."""
    owner: str = ""
    """Key of the visitor it belongs to."""
    created: datetime
    """When it was begun."""
    rows: int
    """How many rows came in at first."""
    sources: tuple[str, ...] = ()
    """Where they came from and how many from each, a line each."""
    mapping: str = ""
    """What the rows were taken for."""
    template: str
    """The template it was begun with, as the text of a YAML file."""
    draft: str = ""
    """Name of the chat draft whose items it takes in; empty if none."""
