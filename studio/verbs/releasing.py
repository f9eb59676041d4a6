"""What becomes of a dataset once it is frozen: compared with its versions, exported, pushed."""

from pathlib import Path

from studio.data.dataset import Dataset
from studio.data.exports import export
from studio.data.push import push
from studio.data.versions import Difference, compare, versions
from studio.verbs.making import Making


class Releasing(Making):
    """Versions of datasets, and their way out."""

    def dataset_versions(self, name: str) -> list[Dataset]:
        """The datasets of that name, the first made first."""
        return versions(self.datasets(), name)

    def diff_datasets(self, before: str, after: str) -> Difference:
        """What is different between two datasets, by their ids."""
        return compare(self.dataset(before), self.dataset(after))

    def export_dataset(self, id: str, form: str, folder: Path | str) -> Path:
        """Write a dataset as a new folder in `folder`; one of the forms in `exports.FORMS`."""
        return export(self.dataset(id), form, Path(folder).expanduser())

    def push_dataset(self, id: str, repository: str, *, private: bool = True) -> str:
        """Put a dataset with its card into a repository OWNER/NAME of the Hub; its address."""
        return push(self.dataset(id), repository, private=private)
