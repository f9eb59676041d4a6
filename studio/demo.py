"""The guided demo: the sentiment dataset, two tuning runs, and the measurement of both.

Both runs use the same data, adapter, learning rate and number of epochs. The plain one learns
the task and nothing else; the keeping one is also held to conversations that the base wrote
itself, by the KL anchor and by replay. Nothing else is arranged.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.chat.protocol import Said
from studio.data.dataset import Dataset
from studio.data.example import Message
from studio.measure.outcome import BASE
from studio.tuning.recipe import Recipe
from studio.tuning.run import Run

if TYPE_CHECKING:
    from studio.studio import Studio

TEMPLATE = "sentiment"
SAME: dict[str, Any] = {"epochs": 2, "rank": 16}
PLAIN = SAME | {"name": "Demo: plain", "replay": 0.0}
KEEPING = SAME | {"name": "Demo: keeping", "kl_anchor": 3.0, "replay": 0.3}
QUESTIONS = (
    "What is the capital of France?",
    "What is the opposite of hot?",
    "Who are you?",
)


@dataclass(frozen=True)
class Demo:
    """What the demo made: the runs may still be under way, one after another."""

    dataset: Dataset
    plain: Run
    keeping: Run
    measurement: Run


def start_demo(studio: "Studio") -> Demo:
    """Build the dataset and set off both runs and the measurement; returns at once."""
    dataset = studio.build(TEMPLATE)
    learn = studio.preset("learn", dataset=dataset.id)
    plain = studio.train(Recipe.make(learn.model_dump() | PLAIN))
    keeping = studio.train(Recipe.make(learn.model_dump() | KEEPING))
    measurement = studio.compare([plain.id, keeping.id])
    return Demo(dataset, plain, keeping, measurement)


def side_by_side(studio: "Studio", demo: Demo) -> list[tuple[str, tuple[Said, ...]]]:
    """Base and both tuned models on a held-out row and on a few old skills, each in one batch."""
    task = demo.dataset.heldout()[0].messages
    conversations = [task, *((Message(role="user", content=q),) for q in QUESTIONS)]
    answered = []
    for messages in conversations:
        rows = [(lane, messages) for lane in (BASE, demo.plain.id, demo.keeping.id)]
        *_, last = studio.ask(rows)
        answered.append((messages[-1].content, last.rows))
    return answered
