"""Looking over a workbook: what the checks find, what mends it, what comes from chat."""

from collections.abc import Iterator
from contextlib import suppress

from studio.data.checking import check_apart
from studio.data.draft import template_of
from studio.data.length_check import Reads
from studio.data.progress import Progress
from studio.data.workbook import Workbook
from studio.data.workbook_checks import Checked, last_check
from studio.data.workbook_draft import take_in
from studio.data.workbook_fixes import mend
from studio.errors import ChatError
from studio.models.catalogue import find_base
from studio.verbs.making import Making

MAX_LENGTH = 512
"""Tokens; as in a recipe that says nothing else."""


class Curating(Making):
    """Checks and fixes of workbooks."""

    def check(
        self, workbook: str, *, owner: str | None = None, base: str = "", max_length: int = 0
    ) -> Iterator[Progress | Checked]:
        """Tell how far it is, and at last what was found; close it to stop.

        What is over-long is found in tokens of `base`, by default what was settled for freezing.
        """
        book = self.workbooks.open(workbook, owner)
        read_by = base or str(book.options.get("base") or "starter")
        longest = max_length or int(book.options.get("max_length") or MAX_LENGTH)
        reads = Reads(find_base(read_by, download=False).folder, longest)
        return check_apart(book, self._asked, reads=reads)

    def checked(self, workbook: str, *, owner: str | None = None) -> Checked:
        """What the checks find in the workbook as it stands now."""
        book = self.workbooks.open(workbook, owner)
        last = last_check(book)
        if last and last.version == book.version:
            return last
        *_, found = self.check(workbook, owner=owner)
        assert isinstance(found, Checked)
        return found

    def mend(self, workbook: str, kind: str, *, owner: str | None = None) -> str:
        """Do what mends the finding of that kind; says what was done. `undo` takes it back.

        DatasetError if it cannot be mended by itself.
        """
        book = self.workbooks.open(workbook, owner)
        return mend(book, kind, self.checked(workbook, owner=owner))

    def follow_draft(self, workbook: str, *, owner: str | None = None) -> Workbook:
        """The workbook, with what was kept since in the chat draft it takes in, if it has one."""
        book = self.workbooks.open(workbook, owner)
        if book.card.draft:
            with suppress(ChatError):  # the draft is gone: the rows stay
                take_in(self.drafts.open(book.card.draft, owner), book)
        return book

    def workbook_of_draft(self, draft: str, *, owner: str | None = None) -> Workbook:
        """The workbook of a chat draft: begun the first time, and each time brought up to it."""
        gathered = self.drafts.open(draft, owner)
        cards = (card for card in self.workbooks.list(owner) if card.draft == draft)
        card = next(cards, None)
        if card is None:
            title, whose = gathered.card.title, gathered.card.owner
            template = template_of(gathered)
            card = self.workbooks.begin(title, [], template, owner=whose, draft=draft).card
        return self.follow_draft(card.id, owner=owner)
