"""How the Data tab shows templates, rows, examples and datasets: HTML, every text escaped."""

from collections.abc import Sequence
from html import escape

from studio.data.checks import Finding
from studio.data.dataset import Dataset
from studio.data.readers import Rows
from studio.data.template import Template
from studio.ui import markup

WAITING = markup.empty("One row appears here as the model will see it, once there are rows.")
NOT_BUILT = markup.empty("Press Build dataset: its card, and what the checks found, appear here.")
NO_DATASET = "No dataset yet. Bring rows in above, and freeze them when they are right."
REFUSED_SHOWN = 20
DATASETS_SHOWN = 50
SIGNS = {"note": "· note", "warning": "! warning", "error": "× left out"}


def searched(template: Template) -> str:
    """The text that a search for a template looks in."""
    parts = (template.name, template.title, template.description, template.task)
    return " ".join(parts).casefold()


def tell_template(template: Template) -> str:
    """What a template is for."""
    columns = ", ".join(sorted(template.variables() - {"answer_choices"})) or "none"
    ways = len(template.phrasings)
    return f"<p>{escape(template.description)}</p>" + markup.quiet(
        f"{template.task.capitalize()}; {ways} phrasing{'s' if ways != 1 else ''}; "
        f"reads the columns {columns}. {template.license}."
    )


def tell_rows(rows: Rows) -> str:
    """How many rows were read, and every refused one with its line and reason."""
    if not rows.rows and not rows.refused:
        return markup.quiet("No rows yet.")
    names = list(dict.fromkeys(name for row in rows.rows[:100] for name in row))
    text = markup.quiet(f"{len(rows.rows):,} rows with the columns {', '.join(names)}.")
    if rows.refused:
        listed = [[str(line), escape(reason)] for line, reason in rows.refused[:REFUSED_SHOWN]]
        more = len(rows.refused) - len(listed)
        text += (
            f"<p><strong>{len(rows.refused):,} refused</strong>"
            f"{f', the first {len(listed)} listed' if more else ''}.</p>"
            + markup.table(["Line", "Why"], listed, numbers=[0])
        )
    return text


def tell_dataset(dataset: Dataset) -> str:
    """A dataset's card, with the findings of its checks."""
    card = dataset.card
    facts = markup.cards(
        [
            markup.card("Dataset", card.name, f"Template {card.template}, id {card.id}."),
            markup.card(
                "Examples",
                f"{card.train:,} to learn",
                f"{card.heldout:,} held out, never learned from: they measure the gain.",
            ),
            markup.card(
                "Answers",
                f"{len(card.choices)} choices" if card.choices else "open",
                ", ".join(card.choices[:8]),
            ),
        ]
    )
    return facts + _tell_findings(card.findings)


def _tell_findings(findings: Sequence[Finding]) -> str:
    if not findings:
        return markup.quiet("✓ The checks found nothing odd.")
    rows = [
        [
            SIGNS[finding.severity],
            f"{finding.count:,}",
            escape(finding.message),
            escape(", ".join(map(str, finding.rows[:6])) + (", …" if finding.count > 6 else "")),
        ]
        for finding in findings
    ]
    return markup.table(["What", "Rows", "Finding", "First rows"], rows, numbers=[1])


def list_datasets(datasets: Sequence[Dataset]) -> str:
    """The datasets as a table."""
    if not datasets:
        return markup.empty(NO_DATASET)
    rows = [
        [
            escape(one.card.name),
            f"<code>{escape(one.id)}</code>",
            escape(one.card.template),
            f"{one.card.train:,}",
            f"{one.card.heldout:,}",
            str(sum(finding.severity != "note" for finding in one.card.findings)),
            f"{one.card.created:%d %b %H:%M}",
        ]
        for one in datasets[:DATASETS_SHOWN]
    ]
    headers = ["Name", "Id", "Template", "To learn", "Held out", "Warnings", "Built (UTC)"]
    return markup.table(headers, rows, numbers=[3, 4, 5])
