"""How the Data tab shows datasets: HTML, every text escaped."""

from collections.abc import Sequence
from html import escape

from studio.data.checks import Finding
from studio.data.dataset import Dataset
from studio.ui import markup

NO_DATASET = "No dataset yet. Bring rows in above, and freeze them when they are right."
DATASETS_SHOWN = 50
CHOICES = 12
ORDER = ("error", "warning", "note")
SIGNS = {"note": "· note", "warning": "! warning", "error": "× left out"}


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
                f"{card.unseen:,} of them also in wordings never learned." * bool(card.unseen),
            ),
            markup.card(
                "Answers",
                f"{len(card.choices)} choices" if card.choices else "open",
                ", ".join(card.choices[:CHOICES]) + ", …" * (len(card.choices) > CHOICES),
            ),
        ]
    )
    return facts + _tell_findings(card.findings)


def _tell_findings(findings: Sequence[Finding]) -> str:
    if not findings:
        return markup.quiet("✓ The checks found nothing odd.")
    rows = [
        [
            f'<span class="st-label">{SIGNS[finding.severity]}</span>',
            f"{finding.count:,}",
            escape(finding.message),
            escape(", ".join(map(str, finding.rows[:6])) + (", …" if finding.count > 6 else "")),
        ]
        for finding in sorted(findings, key=lambda one: ORDER.index(one.severity))
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
