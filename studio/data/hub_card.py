"""A dataset's README as the Hugging Face Hub reads it: metadata first, then what it is."""

import re
from collections.abc import Sequence

import yaml

from studio.data.dataset import Dataset
from studio.data.example import Example
from studio.data.template import Template

LICENSES = re.compile(
    r"apache-2\.0|mit|cc0-1\.0|cc-by(-nc)?(-sa|-nd)?-[34]\.0|bsd(-[23]-clause)?|[la]?gpl-3\.0|mpl-2\.0|"
    r"odbl|odc-by|pddl|unlicense|openrail"
)
"""What the Hub calls the usual ones."""
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
PATHS = {
    "train": "data/train.parquet",
    "test": "data/test.parquet",
    "unseen": "data/unseen.parquet",
}
"""Where a repository has each side; held-out is called test there."""

COLUMNS = (
    ("messages", "the conversation; its last message, the assistant's, is what is learned"),
    ("id", "made from the content of the row"),
    ("row, phrasing", "the row and the phrasing of the template it was made of"),
    ("choices", "every possible answer, where there is a list"),
    ("origin", "where the row came from, if known"),
    ("part", "which part of the mixture it belongs to; empty for the task itself"),
)


def readme(dataset: Dataset) -> str:
    """The README.md of a repository with this dataset."""
    template = Template.load(dataset.folder / "template.yaml")
    head = yaml.safe_dump(metadata(dataset, template), sort_keys=False, allow_unicode=True)
    parts = (_about(dataset), _content(dataset), _made(dataset), _findings(dataset))
    return f"---\n{head}---\n\n" + "\n\n".join(part for part in parts if part) + "\n"


def metadata(dataset: Dataset, template: Template) -> dict[str, object]:
    """What the Hub reads at the top of the README."""
    card = dataset.card
    kinds = ["text-generation"] + ["text-classification"] * bool(card.choices)
    return {
        "pretty_name": card.name,
        **_license(card.license),
        "language": [template.language],
        "task_categories": kinds,
        "size_categories": [_size(card.train + card.heldout)],
        "tags": ["instruction-tuning", "instruct-studio", card.id],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": side, "path": PATHS[side]} for side in sides_of(dataset)],
            }
        ],
    }


def sides_of(dataset: Dataset) -> dict[str, Sequence[Example]]:
    """The examples of every side there is, as the Hub calls them."""
    sides = {"train": dataset.train(), "test": dataset.heldout(), "unseen": dataset.unseen()}
    return {side: examples for side, examples in sides.items() if examples}


def _license(text: str) -> dict[str, str]:
    name = text.strip().lower()
    if LICENSES.fullmatch(name):
        return {"license": name}
    if not name:
        return {"license": "unknown"}
    return {"license": "other", "license_name": re.sub(r"[^a-z0-9.]+", "-", name).strip("-")}


def _size(count: int) -> str:
    return next((name for most, name in SIZES if count < most), "n>1M")


def _about(dataset: Dataset) -> str:
    card = dataset.card
    source = card.source.rstrip(".")
    source = f"\n\nThe texts come from: {source}." if source else ""
    return (
        f"# {card.name}\n\nData to tune a chat model with: {card.train:,} examples to learn from, "
        f"and {card.heldout:,} held out to measure the gain, which must never be learned"
        f"{_unseen(card.unseen)}. "
        f"Frozen with Instruct Studio on {card.created:%d %B %Y} as `{card.id}`.{source}\n\n"
        f"Licence of the template and its own rows: {card.license or 'unknown'}. Rows brought in "
        "from elsewhere keep the licence they came with."
    )


def _unseen(count: int) -> str:
    return f", {count:,} of them also in a wording that is never learned" if count else ""


def _content(dataset: Dataset) -> str:
    card = dataset.card
    columns = "\n".join(f"| `{name}` | {what} |" for name, what in COLUMNS)
    choices = f"\n\nPossible answers: {', '.join(card.choices)}." if card.choices else ""
    task = card.train - sum(part.examples for part in card.mixture)
    parts = [f"| the task | {task:,} | {task:,} |"] + [
        f"| {_cell(part.title)} | {part.examples:,} | {part.different:,} |" for part in card.mixture
    ]
    mixture = (
        "\n\n| Part | Examples | Different |\n|---|---:|---:|\n" + "\n".join(parts)
        if card.mixture
        else ""
    )
    return f"## Content\n\n| Column | Is |\n|---|---|\n{columns}{choices}{mixture}"


def _made(dataset: Dataset) -> str:
    card = dataset.card
    text = (dataset.folder / "template.yaml").read_text(encoding="utf-8")
    rows = [
        ("Template", f"`{card.template}`, SHA-256 `{card.template_fingerprint}`"),
        ("Rows", f"SHA-256 `{card.rows_fingerprint}`"),
        ("train", f"SHA-256 `{card.train_sha256}`"),
        ("held out", f"SHA-256 `{card.heldout_sha256}`"),
        ("Held-out share", f"{card.heldout_share:g}, decided row by row before the template"),
        ("Phrasings", f"{card.phrasings} per row to learn from"),
        ("Seed", str(card.seed)),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return (
        f"## How it was made\n\n| | |\n|---|---|\n{table}\n\n<details><summary>The template"
        f"</summary>\n\n{fence}yaml\n{text}{fence}\n\n</details>"
    )


def _findings(dataset: Dataset) -> str:
    found = dataset.card.findings
    if not found:
        return "## Checks\n\nNothing odd was found."
    rows = "\n".join(f"| {one.kind} | {one.count:,} | {_cell(one.message)} |" for one in found)
    return f"## Checks\n\n| What | Rows | Finding |\n|---|---:|---|\n{rows}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
