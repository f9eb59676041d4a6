"""Looking over a workbook: what the checks find, what mends it, what comes from chat."""

from collections.abc import Iterator

from studio.data.draft import template_of
from studio.data.workbook import Workbook
from studio.data.workbook_checks import Checked, check, last_check
from studio.data.workbook_draft import take_in
from studio.data.workbook_fixes import mend
from studio.verbs.releasing import Releasing


class Curating(Releasing):
    """Checks and fixes of workbooks."""

    def check(self, workbook: str, *, owner: str | None = None) -> Iterator[str | Checked]:
        """Tell what is being done, and at last what was found; stop it whenever you like."""
        return check(self.workbooks.open(workbook, owner), self._asked)

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

    def workbook_of_draft(self, draft: str, *, owner: str | None = None) -> Workbook:
        """The workbook of a chat draft: begun the first time, and each time brought up to it."""
        gathered = self.drafts.open(draft, owner)
        cards = (card for card in self.workbooks.list(owner) if card.draft == draft)
        card = next(cards, None)
        if card is None:
            title, whose = gathered.card.title, gathered.card.owner
            template = template_of(gathered)
            card = self.workbooks.begin(title, [], template, owner=whose, draft=draft).card
        book = self.workbooks.open(card.id, owner)
        take_in(gathered, book)
        return book
