"""What becomes of a dataset once it is frozen: compared with its versions, exported, pushed."""

from pathlib import Path

from studio.data.dataset import Dataset
from studio.data.exports import export
from studio.data.mixture_tokens import Slice, weigh
from studio.data.push import push
from studio.data.rendering import preview
from studio.data.split import SIDES
from studio.data.versions import Difference, compare, versions
from studio.data.workbook_sides import ways_of
from studio.models.catalogue import find_base
from studio.verbs.making import Making

SAMPLE = 200
"""Rows that are rendered to tell how long a workbook's examples are."""


class Releasing(Making):
    """What a dataset will be made of, its versions, and its way out."""

    def weigh_mixture(
        self, workbook: str, *, base: str = "starter", owner: str | None = None
    ) -> list[Slice]:
        """The parts of what would be learned of a workbook as it stands, in tokens of a base."""
        book = self.workbooks.open(workbook, owner)
        settled, rows, ways = book.options, book.rows(), ways_of(book)
        sample = rows[:: max(1, len(rows) // SAMPLE)]
        examples = preview(book.template, sample, phrasings="one")
        column = book.template.split_column
        learned = [row for row in rows if row.get(column) in SIDES["train"]] if column else []
        share = len(learned) / len(rows) if learned else 1 - ways.heldout_share
        count = round(min(len(rows), ways.limit or len(rows)) * share)
        count *= len(ways.learned_phrasings(book.template)) if ways.phrasings == "all" else 1
        folder = find_base(base, download=False).folder
        sources = self.sources(settled.get("mixture", ()), owner)
        replay = settled.get("replay", 0.0)
        return weigh(examples, count, sources, replay=replay, folder=folder)

    def dataset_versions(self, name: str, *, owner: str | None = None) -> list[Dataset]:
        """The datasets of that name, the first made first."""
        return versions(self.datasets(owner), name)

    def diff_datasets(self, before: str, after: str, *, owner: str | None = None) -> Difference:
        """What is different between two datasets, by their ids."""
        return compare(self.dataset(before, owner), self.dataset(after, owner))

    def export_dataset(
        self, id: str, form: str, folder: Path | str, *, owner: str | None = None
    ) -> Path:
        """Write a dataset as a new folder in `folder`; one of the forms in `exports.FORMS`."""
        return export(self.dataset(id, owner), form, Path(folder).expanduser())

    def push_dataset(
        self, id: str, repository: str, *, private: bool = True, owner: str | None = None
    ) -> str:
        """Put a dataset with its card into a repository OWNER/NAME of the Hub; its address."""
        return push(self.dataset(id, owner), repository, private=private)
