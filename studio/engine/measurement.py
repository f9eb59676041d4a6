"""What every lane makes of every case: computed where it is not known yet, and kept at once.

Three kinds of facts go into the lanes' caches as soon as a batch is done: how likely a lane finds
the texts of a case, what it answers, and how far it is from the base on the base's own answer. A
measurement that is broken off therefore goes on where it was.
"""

import time
from collections.abc import Mapping, Sequence

from studio.chat.protocol import Sampling
from studio.engine.asked import Asked, kl_key, likeliest
from studio.engine.batches import Query
from studio.engine.generate import continue_ids
from studio.engine.load import Engine
from studio.engine.score import Likelihood, likelihoods
from studio.engine.tokens import Tokens, questions
from studio.measure.cache import Fact, OutcomeCache
from studio.measure.outcome import BASE, Outcome
from studio.measure.probe import Probe
from studio.measure.scorers import correct
from studio.tuning.events import EventLog

BATCH = 96  # rows answered at once
PLACES = 5  # decimals kept of the -log p of a single token
COST = {"likelihood": 1.0, "answer": 12.0, "kl": 1.0}  # of one fact in seconds, roughly, by kind

Caches = Mapping[str, OutcomeCache]


class Measurement:
    """All lanes of an engine asked all cases of some probes."""

    def __init__(
        self,
        engine: Engine,
        probes: Sequence[Probe],
        caches: Caches,
        *,
        max_new_tokens: int,
        log: EventLog,
    ) -> None:
        self.asked = [
            Asked(probe, case, question)
            for probe in probes
            for case, question in zip(probe.cases, questions(engine, probe), strict=True)
        ]
        self._engine = engine
        self._caches = caches
        self._tuned = [lane for lane in caches if lane != BASE]
        self._max_new_tokens = max_new_tokens
        self._progress = _Progress(log, self._missing())

    def take(self) -> list[Outcome]:
        """Every outcome, the base's first for each case; what the caches lack is computed."""
        self._score()
        self._answer()
        self._diverge()
        return [self._outcome(one, lane) for one in self.asked for lane in self._caches]

    def _missing(self) -> dict[str, tuple[int, int]]:
        """By kind how many facts are needed, and how many of these are not known yet."""
        keys: dict[str, list[tuple[str, str]]] = {"likelihood": [], "answer": []}
        for one in self.asked:
            keys["likelihood"] += [(lane, one.likelihood_key) for lane in self._caches]
            if one.written:
                answer_key = one.answer_key(self._max_new_tokens)
                keys["answer"] += [(lane, answer_key) for lane in self._caches]
        counts = {}
        for kind, pairs in keys.items():
            unknown = sum(key not in self._caches[lane] for lane, key in set(pairs))
            counts[kind] = (len(set(pairs)), unknown)
        gauged = {one.question.prompt: one for one in self.asked if one.gauged}.values()
        unknown = sum(not self._knows_kl(one, lane) for one in gauged for lane in self._tuned)
        return counts | {"kl": (len(gauged) * len(self._tuned), unknown)}

    # ---- likelihoods

    def _score(self) -> None:
        """-log p of answers, choices and texts; for open text the KL from the base with it."""
        open_text = [one for one in self.asked if one.probe.scorer == "text"]
        self._score_those([one for one in self.asked if one.probe.scorer != "text"])
        self._score_those(open_text, divergence=True)

    def _score_those(self, asked: Sequence[Asked], *, divergence: bool = False) -> None:
        todo: dict[str, tuple[Asked, list[str]]] = {}
        for one in asked:
            lanes = [lane for lane in self._caches if not self._is_scored(one, lane)]
            if lanes:
                todo[one.likelihood_key] = (one, lanes)
        wanted = list(todo.values())
        always = [BASE] if divergence else []  # measured or not, the KL is taken from it
        queries = [
            Query(tuple(dict.fromkeys(always + lanes)), one.question.prompt, one.scored)
            for one, lanes in wanted
        ]
        for finished in likelihoods(self._engine, queries, divergence=divergence):
            facts: dict[str, dict[str, Fact]] = {lane: {} for lane in self._caches}
            count = 0
            for place, scores in finished.items():
                one, lanes = wanted[place]
                count += len(lanes)
                for lane in lanes:
                    facts[lane] |= _facts(one, scores[lane])
            self._keep(facts)
            self._progress.advance("likelihood", count)

    def _is_scored(self, one: Asked, lane: str) -> bool:
        known = one.likelihood_key in self._caches[lane]
        if one.probe.scorer != "text":
            return known
        return known and kl_key(one.question.prompt, one.question.answer) in self._caches[lane]

    # ---- answers

    def _answer(self) -> None:
        """What the lanes write, greedily; answers of like length together."""
        todo: dict[tuple[str, str], Asked] = {}
        for one in self.asked:
            if one.written:
                key = one.answer_key(self._max_new_tokens)
                todo |= {(key, lane): one for lane in self._caches if key not in self._caches[lane]}
        # A batch takes as long as its longest answer; its rows are padded to the longest prompt.
        order = sorted(todo.items(), key=lambda item: _length(item[1]))
        sampling = Sampling(max_new_tokens=self._max_new_tokens)
        for begin in range(0, len(order), BATCH):
            batch = order[begin : begin + BATCH]
            lanes = [lane for (_, lane), _ in batch]
            prompts = [one.question.prompt for _, one in batch]
            facts: dict[str, dict[str, Fact]] = {lane: {} for lane in lanes}
            said = continue_ids(self._engine, lanes, prompts, sampling)
            for ((key, lane), _), answer in zip(batch, said, strict=True):
                fact = {"ids": answer.ids, "text": answer.text, "stopped": answer.stopped}
                facts[lane][key] = fact
            self._keep(facts)
            self._progress.advance("answer", len(batch))

    def _said(self, one: Asked, lane: str) -> Fact | None:
        return self._caches[lane].get(one.answer_key(self._max_new_tokens))

    # ---- KL on the base's own answers

    def _diverge(self) -> None:
        """KL(base‖lane) over what the base answered to the cases of the tuned task."""
        todo: dict[str, tuple[Query, list[str]]] = {}
        for one in (one for one in self.asked if one.gauged):
            lanes = [lane for lane in self._tuned if not self._knows_kl(one, lane)]
            if lanes:
                prompt, text = one.question.prompt, self._own_answer(one)
                todo[kl_key(prompt, text)] = (Query((BASE, *lanes), prompt, (text,)), lanes)
        keys = list(todo)
        queries = [query for query, _ in todo.values()]
        for finished in likelihoods(self._engine, queries, divergence=True):
            facts: dict[str, dict[str, Fact]] = {lane: {} for lane in self._caches}
            for place, scores in finished.items():
                for lane in todo[keys[place]][1]:
                    facts[lane][keys[place]] = _kl_fact(scores[lane][0])
            self._keep(facts)
            self._progress.advance("kl", sum(len(kept) for kept in facts.values()))

    def _own_answer(self, one: Asked) -> Tokens:
        """The base's answer; one that ended by itself with the token that ended it."""
        said = self._said(one, BASE)
        if said is None:
            return ()
        end = [self._engine.tokenizer.eos_token_id] if said["stopped"] else []
        return (*said["ids"], *end)

    def _knows_kl(self, one: Asked, lane: str) -> bool:
        text = self._own_answer(one)
        return bool(text) and kl_key(one.question.prompt, text) in self._caches[lane]

    # ---- outcomes

    def _keep(self, facts: Mapping[str, Mapping[str, Fact]]) -> None:
        for lane, kept in facts.items():
            self._caches[lane].put(kept)

    def _outcome(self, one: Asked, lane: str) -> Outcome:
        known = self._caches[lane].get(one.likelihood_key) or {}
        place = one.scored.index(one.question.answer)
        fields = {
            "nll": max(0.0, known["nlls"][place]),
            "tokens": len(one.question.answer),
            "token_nlls": tuple(known["token_nlls"]),
            "pieces": one.question.pieces if lane == BASE else (),
        }
        fields |= self._marked(one, lane, known["nlls"])
        return Outcome(lane=lane, probe=one.probe.name, case=one.case.id, **fields)

    def _marked(self, one: Asked, lane: str, nlls: Sequence[float]) -> Fact:
        """The fields that depend on how the probe is scored."""
        if one.probe.scorer == "text":
            return {"correct": None, **self._kl(one.question.prompt, one.question.answer, lane)}
        if one.probe.scorer == "choice":
            best = likeliest(one.probe, one.case, nlls)
            return {"text": best, "correct": best == one.case.answer, "choices": tuple(nlls)}
        said = self._said(one, lane) or {}
        text = said["text"]
        gauge = self._kl(one.question.prompt, self._own_answer(one), lane) if one.gauged else {}
        right = correct(one.probe, text, one.case)
        return {"text": text, "correct": right, "stopped": said["stopped"], **gauge}

    def _kl(self, prompt: Tokens, text: Tokens, lane: str) -> Fact:
        if lane == BASE:
            return {"kl": 0.0, "kl_tokens": len(text)}
        known = self._caches[lane].get(kl_key(prompt, text))
        return {"kl": known["kl"], "kl_tokens": known["tokens"]} if known else {}


def _length(one: Asked) -> tuple[int, int]:
    return len(one.question.answer), len(one.question.prompt)


def _facts(one: Asked, found: Sequence[Likelihood]) -> dict[str, Fact]:
    answer = found[one.scored.index(one.question.answer)]
    facts: dict[str, Fact] = {
        one.likelihood_key: {
            "nlls": [likelihood.nll for likelihood in found],
            "token_nlls": [round(max(0.0, nll), PLACES) for nll in answer.token_nlls],
        }
    }
    if answer.kl is not None:
        facts[kl_key(one.question.prompt, one.question.answer)] = _kl_fact(answer)
    return facts


def _kl_fact(likelihood: Likelihood) -> Fact:
    return {"kl": likelihood.kl, "tokens": likelihood.tokens}


class _Progress:
    """Tells how many facts are known, of how many, and how long the rest will take."""

    def __init__(self, log: EventLog, counts: Mapping[str, tuple[int, int]]) -> None:
        self._log = log
        self._left = {kind: unknown for kind, (_, unknown) in counts.items()}
        self._total = sum(total for total, _ in counts.values())
        self._begun = time.monotonic()
        self._work = 0.0
        self._tell(None)

    def advance(self, kind: str, count: int) -> None:
        """So many facts of a kind have been found."""
        self._left[kind] = max(0, self._left[kind] - count)
        self._work += COST[kind] * count
        ahead = sum(COST[kind] * count for kind, count in self._left.items())
        self._tell((time.monotonic() - self._begun) * ahead / self._work)

    def _tell(self, seconds: float | None) -> None:
        done = self._total - sum(self._left.values())
        timing = {} if seconds is None else {"seconds_left": round(seconds, 1)}
        self._log("progress", done=done, total=self._total, **timing)
