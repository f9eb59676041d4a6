"""Measures a dataset on a base before tuning: `python -m studio.engine.advise HOME DATASET BASE
METHOD`.

A process of its own that waits in line for the device like a run, says on standard output what it
is doing, one JSON object a line, and ends with the signals. Every part of the measuring has a
limit of time, so that a large base is measured on fewer examples and not for longer.
"""

import hashlib
import math
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from studio.chat.protocol import Sampling
from studio.data.dataset import Dataset, open_dataset
from studio.data.example import Example
from studio.engine.batches import Query
from studio.engine.beside_page import in_line, say, say_found
from studio.engine.generate import Answer, continue_ids, prompt_ids
from studio.engine.load import Engine
from studio.engine.score import Likelihood, likelihoods
from studio.engine.tokens import answer_tokens
from studio.measure.case import Case
from studio.measure.outcome import BASE
from studio.measure.probe import from_dataset
from studio.measure.scorers import right
from studio.measure.shots import solved_before
from studio.models.catalogue import find_base
from studio.models.shape import find_shape
from studio.tuning.signals import SHOTS, SURPRISING, Answers, Hear, Signals, signals_path

LEARNED = 256  # examples to learn from whose likelihood is taken
ASKED = 64  # held-out questions that are answered, and answers of the base's own
CHUNK = 32  # examples between two looks at the clock
LONGEST_ANSWER = 64  # tokens
BUDGET = 9.0  # seconds for each of the five parts

Item = TypeVar("Item")
Found = TypeVar("Found")
Asked = tuple[Sequence[Any], str]
"""Messages up to the question, and an answer."""


def measure(engine: Engine, dataset: Dataset, hear: Hear, *, budget: float = BUDGET) -> Signals:
    """The signals of a dataset on the engine's base; `budget` is in seconds, for each part."""
    began = time.perf_counter()
    train, probe = dataset.train(), from_dataset(dataset)
    different = list({(one.messages, one.completion): one for one in train}.values())
    sample = _drawn(different, LEARNED)
    cases = sorted(probe.cases, key=lambda case: hashlib.sha256(case.id.encode()).digest())[:ASKED]
    clock = _Parts(hear, budget)
    scored = clock.take("reading the answers", sample, lambda some: _score(engine, _asked(some)))
    speed = sum(one.read for one in scored) / max(1e-6, clock.seconds)
    behind = _few_shot(engine, sample[: min(ASKED, len(scored))])
    shown = clock.take("reading them behind solved ones", behind, lambda x: _score(engine, x))
    own = clock.take("the base answers by itself", sample[:ASKED], lambda x: _own(engine, x))
    written = clock.take("asking held-out questions", cases, lambda x: _answer(engine, x))
    solved = [one for one in _solved(probe.cases, cases) if _fits(engine, one)]
    taught = clock.take("asking behind solved ones", solved, lambda x: _answer(engine, x))
    choosing = [case for case in cases if len(case.choices) > 1]
    chosen = clock.take("weighing listed answers", choosing, lambda x: _choose(engine, x))
    whole = [one.read for one in scored]
    return Signals(
        dataset=dataset.id,
        base=engine.base.name,
        method=engine.method,
        shape=find_shape(engine.base.name),
        train=len(train),
        heldout=len(probe.cases),
        repeated=len(train) - len(different),
        answer_tokens=round(len(different) * sum(one.said.tokens for one in scored) / len(scored)),
        example_tokens=sum(whole) / len(whole),
        longest=max(whole),
        sampled=len(scored),
        loss=_mean([one.said for one in scored]),
        own_loss=_mean(own) if own else None,
        few_shot_loss=_mean([one.said for one in shown]) if shown else None,
        few_shot_from=_mean([one.said for one in scored[: len(shown)]]) if shown else None,
        surprising=_share(
            [nll > math.log(SURPRISING) for one in scored for nll in one.said.token_nlls]
        ),
        written=Answers(n=len(written), right=sum(written)),
        written_few_shot=Answers(n=len(taught), right=sum(taught)) if taught else None,
        chosen=Answers(n=len(chosen), right=sum(chosen)) if chosen else None,
        chance=_share([1 / len(case.choices) for case in choosing]) if choosing else None,
        tokens_per_second=speed,
        seconds=time.perf_counter() - began,
    )


class _Parts:
    """Takes one part of the measuring after the other, each until its time is over."""

    def __init__(self, hear: Hear, budget: float) -> None:
        self._hear = hear
        self._budget = budget
        self.seconds = 0.0

    def take(
        self, name: str, items: Sequence[Item], deed: Callable[[Sequence[Item]], Iterable[Found]]
    ) -> list[Found]:
        """What the deed finds of the items, in their order; at least of the first chunk."""
        began = time.perf_counter()
        found: list[Found] = []
        for start in range(0, len(items), CHUNK):
            self._hear(name, start, len(items))
            found += deed(items[start : start + CHUNK])
            if time.perf_counter() - began > self._budget:
                break
        self.seconds = time.perf_counter() - began
        return found


class _Scored:
    """An answer's likelihood, and how many tokens the whole example has."""

    def __init__(self, said: Likelihood, read: int) -> None:
        self.said = said
        self.read = read


def _drawn(examples: Sequence[Example], count: int) -> list[Example]:
    """Examples drawn by a hash, so that they are the same every time and in no order."""
    return sorted(examples, key=lambda one: hashlib.sha256(one.id.encode()).digest())[:count]


def _asked(examples: Sequence[Example]) -> list[Asked]:
    return [(one.messages, one.completion) for one in examples]


def _score(engine: Engine, asked: Sequence[Asked]) -> list[_Scored]:
    found = [answer_tokens(engine, messages, answer) for messages, answer in asked]
    cut = [(ids[: engine.context], min(start, engine.context - 1)) for ids, start in found]
    queries = [Query((BASE,), tuple(ids[:at]), (tuple(ids[at:]),)) for ids, at in cut]
    said = _likelihoods(engine, queries)
    return [_Scored(one, len(ids)) for one, (ids, _) in zip(said, found, strict=True)]


def _likelihoods(engine: Engine, queries: Sequence[Query]) -> list[Likelihood]:
    """Of the first continuation of every query, in their order."""
    return [scores[BASE][0] for scores in _all(engine, queries)]


def _all(engine: Engine, queries: Sequence[Query]) -> list[dict[str, list[Likelihood]]]:
    found: dict[int, dict[str, list[Likelihood]]] = {}
    for finished in likelihoods(engine, queries):
        found |= finished
    return [found[place] for place in range(len(queries))]


def _few_shot(engine: Engine, examples: Sequence[Example]) -> list[Asked]:
    """The examples behind solved ones, as earlier turns; none if the base cannot hold them all."""
    cases = [_case(one) for one in examples]
    behind = solved_before(cases, SHOTS, chat=True) if len(cases) > SHOTS else ()
    return [(one.messages, one.answer) for one in behind] if _fit(engine, behind) else []


def _solved(every: Sequence[Case], chosen: Sequence[Case]) -> list[Case]:
    names = {case.id for case in chosen}
    behind = solved_before(every, SHOTS, chat=True) if len(every) > SHOTS else ()
    return [case for case in behind if case.id in names]


def _fit(engine: Engine, cases: Sequence[Case]) -> bool:
    return all(_fits(engine, case) for case in cases)


def _fits(engine: Engine, case: Case) -> bool:
    """Whether a case and its answer fit into the base's context."""
    return len(answer_tokens(engine, case.messages, case.answer)[0]) <= engine.context


def _case(example: Example) -> Case:
    return Case(id=example.id, messages=example.messages, answer=example.completion)


def _own(engine: Engine, examples: Sequence[Example]) -> list[Likelihood]:
    """Answers that the base draws itself, and how surprised it is by each."""
    prompts = [prompt_ids(engine, one.messages) for one in examples]
    prompts = [one for one in prompts if len(one) + LONGEST_ANSWER < engine.context]
    sampling = Sampling(temperature=1.0, max_new_tokens=LONGEST_ANSWER, seed=1)
    said = _say(engine, prompts, sampling)
    pairs = [(one, _ids(answer)) for one, answer in zip(prompts, said, strict=True)]
    return _likelihoods(
        engine, [Query((BASE,), tuple(prompt), (ids,)) for prompt, ids in pairs if ids]
    )


def _answer(engine: Engine, cases: Sequence[Case]) -> list[bool]:
    """Whether the base answers each as the reference has it, taking the likeliest token."""
    prompts = [prompt_ids(engine, case.messages) for case in cases]
    said = _say(engine, prompts, Sampling(max_new_tokens=LONGEST_ANSWER))
    return [right("exact", answer.text, case) for answer, case in zip(said, cases, strict=True)]


def _say(engine: Engine, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Answer]:
    return continue_ids(engine, [BASE] * len(prompts), prompts, sampling, own_luck=True)


def _ids(answer: Answer) -> tuple[int, ...]:
    return (*answer.ids, *(() if answer.end is None else (answer.end,)))


def _choose(engine: Engine, cases: Sequence[Case]) -> list[bool]:
    """Whether the reference is the likeliest of the listed answers."""
    queries = []
    for case in cases:
        encoded = [answer_tokens(engine, case.messages, choice) for choice in case.choices]
        ids, start = encoded[0]
        tails = tuple(tuple(one[at:]) for one, at in encoded)
        queries.append(Query((BASE,), tuple(ids[:start]), tails))
    found = _all(engine, queries)
    picked = [min(range(len(one[BASE])), key=lambda i: one[BASE][i].nll) for one in found]  # noqa: B023
    return [case.choices[at] == case.answer for case, at in zip(cases, picked, strict=True)]


def _mean(said: Sequence[Likelihood]) -> float:
    """Nats per token over all answers together."""
    return sum(one.nll for one in said) / max(1, sum(one.tokens for one in said))


def _share(values: Sequence[float]) -> float:
    return sum(values) / max(1, len(values))


def main(home: Path, dataset_id: str, base_name: str, method: Any) -> dict[str, Any]:
    """Measure, and keep the signals in the cache."""
    dataset = open_dataset(dataset_id, home / "datasets")
    base = find_base(base_name, download=False)
    with in_line(home, f"advice-{dataset_id}"):
        found = measure(Engine(base, method), dataset, _progress)
    path = signals_path(home / "cache", dataset_id, base.fingerprint, method)
    draft = path.with_suffix(".tmp")
    draft.write_text(found.model_dump_json(indent=1), encoding="utf-8")
    draft.replace(path)
    return {"signals": found.model_dump(mode="json")}


def _progress(doing: str, done: int, total: int) -> None:
    say(doing=doing, done=done, total=total)


if __name__ == "__main__":
    sys.exit(say_found(lambda: main(Path(sys.argv[1]), *sys.argv[2:5])))
