"""One draft as it stands: what is to be learned, what was preferred, and when it is enough."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from studio.data.draft_items import Built, DraftCard, Item, KeptCase, KeptExample, KeptPair
from studio.data.readers import Row
from studio.data.template import Phrasing, Template

ENOUGH = 32
"""New examples from which on tuning again is suggested.

About six of them are held out, and five answers that all turn right are the fewest that the
report's test (McNemar's mid-p, 5 %) tells from chance: with fewer examples a gain could hardly be
shown. The other 26 are enough to learn a narrow task (LEAST_STEPS in `studio.tuning.recipe`).
"""


@dataclass(frozen=True)
class Draft:
    """A draft as it stands."""

    name: str
    card: DraftCard
    items: tuple[Item, ...]
    built: tuple[Built, ...]

    @property
    def examples(self) -> tuple[KeptExample, ...]:
        """What is to be learned."""
        return tuple(one for one in self.items if isinstance(one, KeptExample))

    @property
    def pairs(self) -> tuple[KeptPair, ...]:
        """What was preferred to what."""
        return tuple(one for one in self.items if isinstance(one, KeptPair))

    @property
    def cases(self) -> tuple[KeptCase, ...]:
        """What must not be forgotten."""
        return tuple(one for one in self.items if isinstance(one, KeptCase))

    @property
    def fresh(self) -> tuple[KeptExample, ...]:
        """Examples that no dataset was built from yet, or only from another answer to them."""
        since = {id: built.when for built in self.built for id in built.items}
        return tuple(
            one for one in self.examples if one.id not in since or since[one.id] < one.when
        )

    @property
    def base(self) -> str:
        """The base in front of which most examples were gathered; empty if that is unknown."""
        bases = Counter(one.came_from.base for one in self.examples or self.pairs)
        return max(bases, key=lambda base: (bases[base], base)) if bases else ""

    @property
    def missing(self) -> int:
        """How many more new examples make tuning again worth while; 0 when there are enough."""
        return max(0, ENOUGH - len(self.fresh))

    def rows(self, *, chosen_too: bool = False) -> list[Row]:
        """The rows of a dataset; with `chosen_too` also what was preferred, where nothing better.

        The column `item` is not read by the template: it leads back to where a row came from.
        """
        kept: dict[str, Row] = {}
        for example in self.examples:
            kept[_question(example)] = _row(example, example.answer)
        for pair in self.pairs if chosen_too else ():
            kept.setdefault(_question(pair), _row(pair, pair.chosen))
        return list(kept.values())

    def preferences(self) -> str:
        """The pairs as JSON lines of prompt, chosen and rejected, each a list of messages."""
        return "".join(
            json.dumps(
                {
                    "prompt": [message.model_dump() for message in pair.messages],
                    "chosen": [{"role": "assistant", "content": pair.chosen}],
                    "rejected": [{"role": "assistant", "content": pair.rejected}],
                },
                ensure_ascii=False,
            )
            + "\n"
            for pair in self.pairs
        )


def template_of(draft: Draft) -> Template:
    """The template that makes examples of a draft's rows."""
    return Template(
        name="from-chat",
        title=draft.card.title,
        description="Answers that a person kept or wrote in chat.",
        task="conversation",
        license="Yours: the questions and answers were gathered in your own chats.",
        source=f"Draft '{draft.name}'; its items say which conversation each came from.",
        system="{{ system }}",
        phrasings=(Phrasing(prompt="{{ prompt }}"),),
        answer="{{ answer }}",
        history_column="history",
    )


def digest(*parts: Any) -> str:
    """A short name made of the content."""
    plain = TypeAdapter(Any).dump_json(parts)
    return hashlib.sha256(plain).hexdigest()[:12]


def _row(item: KeptExample | KeptPair, answer: str) -> Row:
    system = item.messages[0].content if item.messages[0].role == "system" else ""
    turns = item.messages[1:] if system else item.messages
    return {
        "item": item.id,
        "system": system,
        "history": [turn.model_dump() for turn in turns[:-1]],
        "prompt": turns[-1].content,
        "answer": answer,
    }


def _question(item: Item) -> str:
    return digest(item.messages)
