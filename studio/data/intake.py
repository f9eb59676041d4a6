"""Rows that were read and are not in a workbook yet: which of them, and which column is what.

intake = take_in(gathered, templates)           as it is suggested
intake = intake.where("intent", ["ring"])       only some of them
intake = intake.fill({"text": "say"}, {})       a person's own mapping
made = intake.made                               what a workbook would get
"""

import csv
import io
from collections import Counter
from collections.abc import Mapping as Filled
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pydantic import JsonValue

from studio.data.gather import Gathered, Place, demand
from studio.data.mapping import Format, Mapping, options_of, suggest
from studio.data.mapping_form import Field, choose_template, fields_of, fill, guess
from studio.data.template import Template
from studio.errors import DatasetError


@dataclass(frozen=True)
class Intake:
    """Never changed in place: every choice gives another one."""

    everything: Gathered
    chosen: Gathered
    """Those that are wished for."""
    template: Template
    mapping: Mapping
    wished: dict[str, tuple[str, ...]]
    """By column, the values that are wished for."""
    own: bool = False
    """Whether a person filled the form, so that no suggestion may win over it."""
    fault: str = ""
    """Why the form says no mapping."""

    @property
    def fields(self) -> list[Field]:
        """The lines of the form."""
        return fields_of(self.mapping.format, self.template)

    @property
    def columns(self) -> list[str]:
        """Names of the columns as they came."""
        return list(dict.fromkeys(name for row in self.everything.rows[:1000] for name in row))

    def values(self, column: str) -> list[tuple[str, int]]:
        """The values of a column and how often they come, the most frequent first."""
        counts = Counter(str(row[column]) for row in self.everything.rows if column in row)
        return counts.most_common()

    def column_of(self, field: str) -> str:
        """The column that fills a field; "" if none does."""
        chosen = self.mapping.columns.get(field, "")
        by_name = field in self.columns and field not in self.mapping.constants
        return chosen or (field if by_name else "")

    @cached_property
    def made(self) -> Gathered:
        """The rows as a workbook would get them; DatasetError says what is missing."""
        if self.fault:
            raise DatasetError(self.fault)
        if not self.chosen.rows:
            return self.chosen
        return self.chosen.mapped(demand(self.mapping, self.chosen.rows, self.template))

    def where(self, column: str, values: Sequence[str]) -> "Intake":
        """Only rows with one of these values in the column; with none given all of them again."""
        wished = {name: those for name, those in self.wished.items() if name != column}
        if values:
            wished[column] = tuple(values)
        chosen = self.everything.where(wished) if wished else self.everything
        other = replace(self, wished=wished, chosen=chosen)
        if not chosen.rows:
            return other
        if self.own:
            return replace(other, mapping=other._with_options(self))
        return replace(other, mapping=guess(self.mapping.format, chosen.rows, self.template))

    def use(self, template: Template) -> "Intake":
        """With another template, and the mapping that suits it."""
        return _suggested(self.everything, self.chosen, template, self.wished)

    def take_for(self, format: Format) -> "Intake":
        """With what the rows are said to be, and the columns that most likely fill its fields."""
        mapping = guess(format, self.chosen.rows, self.template)
        return replace(self, mapping=mapping, own=False, fault="")

    def fill(self, columns: Filled[str, str], constants: Filled[str, JsonValue]) -> "Intake":
        """With what a person put into the form."""
        try:
            mapping = fill(self.mapping.format, columns, constants)
        except DatasetError as error:
            return replace(self, own=True, fault=str(error))
        return replace(self, mapping=mapping, own=True, fault="")

    def _with_options(self, before: "Intake") -> Mapping:
        """A person's mapping, offering the labels that are there now."""
        old = options_of(before.mapping, before.template, before.chosen.rows)
        kept = {n: one for n, one in before.mapping.constants.items() if old.get(n) != one}
        now = options_of(before.mapping, self.template, self.chosen.rows)
        return before.mapping.model_copy(update={"constants": now | kept})


def take_in(
    gathered: Gathered, templates: Sequence[Template], wished: Template | None = None
) -> Intake:
    """Rows as they are most likely meant, for the template wished for or the likeliest one."""
    template = wished or choose_template(gathered.rows, templates)
    return _suggested(gathered, gathered, template, {})


def _suggested(
    everything: Gathered, chosen: Gathered, template: Template, wished: dict[str, tuple[str, ...]]
) -> Intake:
    empty = Mapping(format="columns", columns={})
    mapping = suggest(chosen.rows, template) if chosen.rows else empty
    return Intake(everything, chosen, template, mapping, wished)


def list_refused(refused: Sequence[tuple[Place, str]]) -> str:
    """Every refused record as the text of a CSV file: its file, line and the reason."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["file", "line", "reason"])
    # A spreadsheet would run a text that begins so, and it may quote what a file held.
    lines.writerows([_inert(at.source), at.line, _inert(reason)] for at, reason in refused)
    return text.getvalue()


def _inert(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
