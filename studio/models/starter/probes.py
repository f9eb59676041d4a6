"""Writes the starter model's probes: per skill a file of questions that training never showed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from studio.models.starter.corpus.conversation import Conversation, Family
from studio.models.starter.corpus.mixture import FAMILIES, probe

FOLDER = Path(__file__).parents[2] / "probes"
SEED, CASES = 1, 48


def cases(family: Family) -> tuple[Conversation, ...]:
    """Return the family's kept-back conversations, the same ones every time."""
    return probe(family, CASES, SEED)


def content(family: Family) -> dict[str, Any]:
    """Return the probe file of a family as plain data."""
    return {
        "name": f"starter-{family.name}",
        "title": family.title,
        "kind": "retention",
        "pack": "starter",
        "description": family.description,
        "license": "Apache-2.0",
        "version": 1,
        "scorer": family.scorer,
        "cases": [
            _case(f"{family.name}-{number:03d}", conversation)
            for number, conversation in enumerate(cases(family), start=1)
        ],
    }


def _case(identity: str, conversation: Conversation) -> dict[str, Any]:
    *context, answer = conversation.messages()
    if len(context) == 1:
        return {"id": identity, "prompt": context[0]["content"], "answer": answer["content"]}
    return {"id": identity, "messages": context, "answer": answer["content"]}


def probed() -> Iterator[Family]:
    """Yield the families that have a probe."""
    return (family for family in FAMILIES if family.probed)


def write(folder: Path = FOLDER) -> None:
    """Write one YAML file for each family."""
    import yaml

    folder.mkdir(parents=True, exist_ok=True)
    for family in probed():
        text = yaml.safe_dump(content(family), sort_keys=False, allow_unicode=True, width=98)
        (folder / f"starter-{family.name}.yaml").write_text(text, encoding="utf-8")
