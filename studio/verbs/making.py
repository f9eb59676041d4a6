"""From rows and templates to a frozen dataset."""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from studio.chat.rows import rows_of_chats
from studio.data import template_store
from studio.data.dataset import Dataset, build_dataset, list_datasets, open_dataset
from studio.data.drafts import mark_of
from studio.data.foreign import Brought, free_name
from studio.data.freezing import freeze_apart
from studio.data.gather import Gathered, demand, gather
from studio.data.hub import read_hub
from studio.data.length_check import Reads
from studio.data.mapping import Mapping, suggest
from studio.data.mixture import Part, Source
from studio.data.progress import Progress
from studio.data.readers import Rows, parse_pasted
from studio.data.reuse import rows_of_dataset
from studio.data.template import Template, find, own, shipped
from studio.data.template_forms import read_templates
from studio.data.template_store import Version
from studio.data.workbook import Workbook
from studio.data.workbook_sides import descent_of
from studio.errors import DatasetError
from studio.measure.probe import find as find_probes
from studio.measure.replayed import find_source
from studio.models.catalogue import find_base
from studio.verbs.home import Home

OTHER_SOURCES = ("hub", "dataset", "chat", "chats")
"""What rows come from besides files."""


class Making(Home):
    """Templates, rows and datasets."""

    def templates(self, owner: str | None = None) -> list[Template]:
        """Every readable template, the shipped ones first; a person's own win over a name.

        A visitor, who is named as `owner`, has own ones besides those of the machine; so it is for
        every verb about templates.
        """
        found = shipped()
        for folder in self._template_folders(owner):
            found |= own(folder)[0]
        return list(found.values())

    def own_templates(self, owner: str | None = None) -> list[str]:
        """Names of a person's own templates, those that `remove_template` takes out."""
        return list(own(self._template_folders(owner)[-1])[0])

    def template(self, name_or_path: str | Path, owner: str | None = None) -> Template:
        """A template by name or file."""
        return find(name_or_path, *self._template_folders(owner))

    def save_template(
        self, template: Template, rows: Sequence[dict[str, Any]] = (), *, owner: str | None = None
    ) -> Template:
        """Keep a person's own template with these rows; it wins over a shipped one.

        What it was before under that name stays a version of it.
        """
        return template_store.save(template, rows, self._template_folders(owner)[-1])

    def template_versions(self, name: str, *, owner: str | None = None) -> list[Version]:
        """Every version of a template of one's own, the newest first; `name@digits` opens one."""
        return template_store.versions(name, self._template_folders(owner)[-1])

    def remove_template(self, name: str, *, owner: str | None = None) -> None:
        """Take a template of one's own out of the list; its versions stay and can be opened."""
        template_store.remove(name, self._template_folders(owner)[-1])

    def _template_folders(self, owner: str | None) -> list[Path]:
        """Where own templates lie: those of the machine, and at last those that are one's own."""
        visitors = self.settings.templates / "visitors"
        return [self.settings.templates, *([visitors / mark_of(owner)] if owner else [])]

    def import_templates(self, path: Path | str, *, owner: str | None = None) -> Brought:
        """Keep templates of a file of another program among a person's own.

        PromptSource YAML, FLAN's pattern pairs, a task of Natural Instructions or of lm-eval, or
        a template of ours. A name that is taken gets a number. TemplateError leaves nothing behind.
        """
        found = read_templates(Path(path).expanduser())
        taken = {template.name for template in self.templates(owner)}
        kept = []
        for template in found.templates:
            name = free_name(template.name, taken)
            taken.add(name)
            renamed = template.model_copy(update={"name": name})
            rows = found.rows.get(template.name, ())
            kept.append(self.save_template(renamed, rows, owner=owner))
        return Brought(tuple(kept), found.left)

    def gather(
        self, sources: Sequence[str | Path], *, pasted: str = "", encoding: str = "",
        owner: str | None = None,
    ) -> Gathered:  # fmt: skip
        """Rows of files and of what else has some, every record with its place.

        Besides files: `hub:OWNER/NAME[@CONFIG][:SPLIT]`, `dataset:ID`, `chats`, `chat:ID[@LANE]`,
        and text that was pasted. Chats and datasets are those the owner sees, without one all.
        DatasetError if a source cannot be read or they are too much together.
        """
        named = [(source, *str(source).partition(":")[::2]) for source in sources]
        files = [Path(source) for source, kind, _ in named if kind not in OTHER_SOURCES]
        parts = [
            (str(source), self._read_source(kind, about, owner))
            for source, kind, about in named
            if kind in OTHER_SOURCES
        ]
        parts += [("pasted text", parse_pasted(pasted))] if pasted.strip() else []
        return gather(files, encoding=encoding, others=parts)

    def _read_source(self, kind: str, about: str, owner: str | None) -> Rows:
        """Rows of something that is no file."""
        if kind == "hub":
            return read_hub(about)
        if kind == "dataset":
            return rows_of_dataset(self.dataset(about, owner))
        id, _, lane = about.partition("@")
        ids = [id] if kind == "chat" else [one.id for one in self.chats.list(owner)]
        return rows_of_chats([self.chats.open(one, owner) for one in ids], lane)

    def build(
        self,
        template: str | Path | Template,
        rows: Path | Gathered | Sequence[dict[str, Any]] | None = None,
        *,
        mapping: Mapping | None = None,
        mixture: Sequence[Part | dict[str, Any]] = (),
        **options: Any,
    ) -> Dataset:
        """Freeze a dataset from a template and rows (its own, a file's, or given ones).

        Columns of a file or of what was gathered are found as `mapping` says, or as `suggest`
        would. `mixture` is what is learned beside the task. Options are `name` and those of `Ways`:
        heldout_share, seed, phrasings, limit, group_column, heldout_phrasings, every_turn. With
        `max_length` what is longer is found, in tokens of `base`. It is the `owner`'s alone, and
        everybody's without one.
        """
        settled = self._settle_rows(template, rows, mapping, mixture=mixture, **options)
        return build_dataset(**settled)

    def building(
        self,
        template: str | Path | Template,
        rows: Path | Gathered | Sequence[dict[str, Any]] | None = None,
        *,
        mapping: Mapping | None = None,
        **options: Any,
    ) -> Generator[Progress | Dataset, None, None]:
        """As `build`, telling how far it is and at last the dataset; close it to stop."""
        return freeze_apart(**self._settle_rows(template, rows, mapping, **options))

    def _settle_rows(
        self,
        template: str | Path | Template,
        rows: Path | Gathered | Sequence[dict[str, Any]] | None,
        mapping: Mapping | None,
        *,
        mixture: Sequence[Part | dict[str, Any]] = (),
        max_length: int | None = None,
        base: str = "starter",
        group_column: str | None = None,
        owner: str | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """What `build_dataset` has to know."""
        settled = {
            "sources": self.sources(mixture, owner), "datasets_folder": self.settings.datasets,
            "asked": self._asked, "owner": mark_of(owner or ""),
            "group_column": group_column or "", **options,
        }  # fmt: skip
        if max_length:
            settled["reads"] = Reads(find_base(base, download=False).folder, max_length, base)
        chosen = template if isinstance(template, Template) else self.template(template, owner)
        if isinstance(rows, Path):
            rows = self.gather([rows])
        if not isinstance(rows, Gathered):
            taken = chosen.all_rows() if rows is None else list(rows)
            return {"template": chosen, "rows": taken, **settled}
        if not rows.rows:
            why = "".join(f" {place}: {reason}." for place, reason in rows.refused[:1])
            raise DatasetError(f"There is no usable row.{why}")
        fitted = demand(mapping or suggest(rows.rows, chosen), rows.rows, chosen)
        mapped = rows.mapped(fitted)
        settled |= {"beforehand": mapped.findings(), "origins": list(map(str, mapped.places))}
        if group_column is None:
            settled["group_column"] = mapped.group_column
        return {"template": chosen, "rows": mapped.rows, **settled}

    def begin_workbook(
        self,
        template: str | Path | Template,
        gathered: Gathered | None = None,
        *,
        mapping: Mapping | None = None,
        title: str = "",
        owner: str | None = None,
    ) -> Workbook:
        """Begin a workbook of what was gathered, or of the template's own rows.

        Columns are found as in `build`. DatasetError if no row can be used.
        """
        chosen = template if isinstance(template, Template) else self.template(template, owner)
        title = title or chosen.title
        if gathered is None or not gathered.rows:
            rows = chosen.all_rows() if gathered is None else gathered
            return self.workbooks.begin(title, rows, chosen, owner=owner)
        fitted = demand(mapping or suggest(gathered.rows, chosen), gathered.rows, chosen)
        mapped = gathered.mapped(fitted)
        return self.workbooks.begin(title, mapped, chosen, owner=owner, mapping=fitted.told)

    def freeze(self, workbook: str, *, owner: str | None = None, **options: Any) -> Dataset:
        """Freeze a workbook's rows into a dataset; the workbook stays and may be frozen again.

        Options are those of `build`, and win over what was settled in the workbook.
        """
        return build_dataset(**self._settle_book(workbook, owner, options))

    def freezing(
        self, workbook: str, *, owner: str | None = None, **options: Any
    ) -> Generator[Progress | Dataset, None, None]:
        """As `freeze`, telling how far it is and at last the dataset; close it to stop."""
        return freeze_apart(**self._settle_book(workbook, owner, options))

    def _settle_book(
        self, workbook: str, owner: str | None, options: dict[str, Any]
    ) -> dict[str, Any]:
        book = self.workbooks.open(workbook, owner)
        settled = {"name": book.card.title} | book.options | options
        settled.pop("replay", None)  # the recipe's, and only kept with the workbook
        settled |= {"beforehand": book.findings(), "origins": book.origins()}
        settled["descent"] = list(descent_of(book).items())
        return self._settle_rows(book.template, book.rows(), None, owner=owner, **settled)

    def sources(
        self, parts: Sequence[Part | dict[str, Any]], owner: str | None = None
    ) -> list[Source]:
        """Where the parts of a mixture are drawn from; an error names the one that is not there."""
        found = [Part.model_validate(part) for part in parts]
        for part in found:
            if part.kind == "dataset":
                self.dataset(part.name, owner)
        folders = {"datasets": self.settings.datasets, "probes": self.settings.probes}
        return [find_source(part, **folders) for part in found]

    def _asked(self) -> dict[str, list[str]]:
        """The questions of every probe by its name."""
        return {
            probe.name: [case.messages[-1].content for case in probe.cases if case.messages]
            for probe in find_probes(None, self.settings.probes)
        }

    def datasets(self, owner: str | None = None) -> list[Dataset]:
        """Every dataset, newest first; a visitor's own and everybody's, where one is named."""
        return list_datasets(self.settings.datasets, mark_of(owner or ""))

    def dataset(self, id: str, owner: str | None = None) -> Dataset:
        """The dataset of that id; DatasetError if there is none, or none that the owner sees."""
        return open_dataset(id, self.settings.datasets, mark_of(owner or ""))
