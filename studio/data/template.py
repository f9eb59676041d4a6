"""A prompt file: in which words a row of columns becomes a prompt and an answer.

    name: topic
    phrasings: ["What is this about?\n{{ text }}"]      several ways to ask, Jinja over the columns
    answer: "{{ label }}"
    rows: [{text: "The team won the cup.", label: sport}]

Reading a template never runs it; rendering happens in `sandbox.py`.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from studio.data import strict_yaml
from studio.data.jinja_source import names_in, parse, reads
from studio.data.readers import Row, read_rows
from studio.data.template_parts import Phrasing, Shots, Turn, sources_of_turns
from studio.errors import DatasetError, TemplateError, sentence

PROMPTS = Path(__file__).parents[2] / "prompts"
FILE_BYTES = 1_000_000
CHOICE_SEPARATOR = "|||"
VERSIONS = "versions"
"""The folder, beside a person's own templates, of all that these ever were."""

_VERSION = re.compile(r"([a-z0-9-]+)@([0-9a-f]+)")


class Template(BaseModel):
    """Everything needed to turn rows into examples, with sample rows of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    """Short name in small letters, digits and hyphens."""
    title: str
    """What people see."""
    description: str
    """One or two sentences on what the tuned model will do."""
    task: str
    """The kind of work, such as classification or rewriting."""
    language: str = "en"
    """Language of the prompts, as a two-letter code."""
    license: str
    """Licence of the template and its sample rows."""
    source: str
    """Where the texts come from."""
    system: str = ""
    """Jinja source of the system message; none where it renders to nothing."""
    answer: str = Field(min_length=1)
    """Jinja source of the answer."""
    phrasings: tuple[Phrasing, ...] = Field(min_length=1)
    """The ways of asking; in a file, a plain text stands for a phrasing with that prompt."""
    answer_choices: tuple[str, ...] | str | None = None
    """Every possible answer: a list, or Jinja source giving them separated by '|||'."""
    rows: tuple[Row, ...] = ()
    """Sample rows."""
    rows_file: str | None = None
    """A file of rows beside the template, used instead of the sample rows where it exists."""
    history_column: str | None = None
    """The column with the earlier turns of a conversation: a list of role and content."""
    turns: tuple[Turn, ...] = ()
    """Earlier turns of the conversation, after those of the history column."""
    shots: Shots | None = None
    """Solved rows shown before the question; none if nothing is said."""
    split_column: str | None = None
    """The column in which rows say whether they are 'train' or 'heldout'."""
    tune: bool = True
    """Whether this is a new task for the starter, and so worth tuning it on."""

    _folder: Path | None = PrivateAttr(default=None)

    @field_validator("phrasings", mode="before")
    @classmethod
    def _accept_plain_prompts(cls, phrasings: Any) -> Any:
        if not isinstance(phrasings, list | tuple):
            return phrasings
        return [{"prompt": item} if isinstance(item, str) else item for item in phrasings]

    @field_validator("rows_file")
    @classmethod
    def _stay_beside_the_template(cls, rows_file: str | None) -> str | None:
        if rows_file is not None and (Path(rows_file).is_absolute() or ".." in rows_file):
            raise ValueError("must be a path inside the folder of the template")
        return rows_file

    @model_validator(mode="after")
    def _must_be_jinja(self) -> Self:
        for place, source in self.sources():
            try:
                parse(source)
            except TemplateError as error:
                raise ValueError(f"{place}: {error}") from error
        return self

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a template from a YAML file; TemplateError says what is wrong with it."""
        try:
            if path.stat().st_size > FILE_BYTES:
                raise TemplateError(f"{path.name} is larger than 1 MB; keep the rows in a file.")
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise TemplateError(f"{path.name} cannot be read as a template: {error}.") from error
        template = cls.parse(text, origin=path.name)
        template._folder = path.parent
        return template

    @classmethod
    def parse(cls, text: str, *, origin: str = "template") -> Self:
        """Read a template from YAML text; errors call it `origin`."""
        try:
            fields = strict_yaml.read(text)
        except ValueError as error:
            raise TemplateError(f"template {origin}: {error}.") from error
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise TemplateError(sentence(error, f"template {origin}")) from error

    def yaml(self) -> str:
        """The template as the text of a YAML file that `parse` reads back to an equal one."""
        fields = self.model_dump(mode="json", exclude_defaults=True)
        return yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=100)

    def variables(self) -> set[str]:
        """Names of the columns that the template reads, optional ones included."""
        return self._history().union(*(names_in(source) for _, source in self.sources()))

    def required_columns(self) -> set[str]:
        """Names of the columns that every row must have: those read without a default."""
        return set().union(*(names_in(source, optional=False) for _, source in self.sources()))

    def prompt_variables(self) -> set[str]:
        """Names of the columns that the prompt reads, as opposed to the answer."""
        sources = [self.system, *(phrasing.prompt for phrasing in self.phrasings)]
        sources += [source for _, source in sources_of_turns(self.turns)]
        return self._history().union(*(names_in(source) for source in sources))

    def answer_variables(self) -> set[str]:
        """Names of the columns that answers and possible answers read."""
        own = [one.answer for one in self.phrasings if one.answer is not None]
        listed = [self.answer_choices] if isinstance(self.answer_choices, str) else []
        return set().union(*(names_in(source) for source in (self.answer, *own, *listed)))

    def reads_whole_row(self) -> bool:
        """Whether some part uses `row`, so that every column counts."""
        return any(reads(source, "row") for _, source in self.sources())

    def fingerprint(self) -> str:
        """SHA-256 of what decides the examples; titles, licences and sample rows do not."""
        parts = {"name", "system", "answer", "phrasings", "answer_choices", "split_column"}
        fields = self.model_dump(mode="json", include=parts)
        for phrasing in fields["phrasings"]:
            del phrasing["name"], phrasing["about"]
        # Named only where they are something: older ids stay what they were.
        later = {"history_column", "turns", "shots"}
        fields |= self.model_dump(mode="json", include=later, exclude_defaults=True)
        content = json.dumps(fields, sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    def all_rows(self) -> list[Row]:
        """The rows that ship with the template: its file of rows if it is there, or the samples."""
        if self.rows_file and self._folder and (self._folder / self.rows_file).exists():
            try:
                found = read_rows(self._folder / self.rows_file)
            except DatasetError as error:
                raise TemplateError(f"template '{self.name}': {error}") from error
            if found.refused:
                line, reason = found.refused[0]
                raise TemplateError(
                    f"template '{self.name}': {self.rows_file}, line {line}: {reason}."
                )
            return found.rows
        return [dict(row) for row in self.rows]

    def _history(self) -> set[str]:
        return {self.history_column} if self.history_column else set()

    def sources(self) -> Iterable[tuple[str, str]]:
        """Every Jinja source of the template, each with the name of its place."""
        yield "system", self.system
        yield "answer", self.answer
        yield from sources_of_turns(self.turns)
        if isinstance(self.answer_choices, str):
            yield "answer_choices", self.answer_choices
        for number, phrasing in enumerate(self.phrasings, start=1):
            yield f"phrasing {number}", phrasing.prompt
            if phrasing.answer is not None:
                yield f"phrasing {number}, answer", phrasing.answer


def shipped() -> dict[str, Template]:
    """The templates that come with the studio, by name."""
    templates = (_load(path, path.stat().st_mtime_ns) for path in sorted(PROMPTS.glob("*.yaml")))
    return {template.name: template for template in templates}


@lru_cache(maxsize=2048)
def _load(path: Path, changed: int) -> Template:
    """Reading YAML takes milliseconds, and a gallery reads all of it again and again."""
    return Template.load(path)


def own(folder: Path) -> tuple[dict[str, Template], dict[str, str]]:
    """A person's templates in a folder by name, and by file what is wrong with the rest."""
    templates: dict[str, Template] = {}
    faults: dict[str, str] = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            template = _load(path, path.stat().st_mtime_ns)
        except TemplateError as error:
            faults[path.name] = str(error)
        else:
            templates[template.name] = template
    return templates, faults


def find(name_or_path: str | Path, *folders: Path) -> Template:
    """The template of that name, a person's own before a shipped one, or the one in that file.

    Own ones lie in the folders, the last of which wins. `name@digits` is an older version of one.
    """
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml"):
        return Template.load(path)
    if folders and (version := _VERSION.fullmatch(str(name_or_path))):
        return _find_version(folders, version[1], version[2])
    known = shipped()
    for folder in folders:
        known |= own(folder)[0]
    if str(name_or_path) not in known:
        raise TemplateError(
            f"There is no template '{name_or_path}'; known ones are {', '.join(sorted(known))}."
        )
    return known[str(name_or_path)]


def _find_version(folders: Sequence[Path], name: str, digits: str) -> Template:
    paths = [folder / VERSIONS / name / f"{digits}.yaml" for folder in folders]
    path = next((one for one in paths[::-1] if one.exists()), None)
    if path is None:
        raise TemplateError(
            f"Template '{name}' has no version {digits}; `templates versions {name}` lists them."
        )
    template = Template.load(path)
    template._folder = path.parents[2]  # its rows lie beside the current ones
    return template
