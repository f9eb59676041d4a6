"""From recipe to adapter, top to bottom: base, data, trainer, steps, verified result."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from studio.data.dataset import Dataset, open_dataset
from studio.data.example import Example, Message
from studio.data.preferences import read_pairs, split
from studio.engine.budget import general_rows
from studio.engine.copies import LastGood
from studio.engine.given import given_rows, past_examples
from studio.engine.halt import Stopped
from studio.engine.learnable import learnable, watchable
from studio.engine.load import Engine
from studio.engine.looks import Looks
from studio.engine.place import is_first
from studio.engine.prefer import prefer
from studio.engine.publish import origin, publishing
from studio.engine.replay import right_answers
from studio.engine.samples import Prompt, answering, old_skill
from studio.engine.saving import Saving, find_state
from studio.engine.selftext import Conversation, self_texts
from studio.engine.together import Agreeing, first_alone
from studio.engine.trainers import Rows, Tuned, make_trainer, tune_what
from studio.engine.watch import Keep, Watch
from studio.engine.weights import trains_unpacked
from studio.errors import Diverged, RunError
from studio.models.catalogue import find_base
from studio.models.gate import check_adapter
from studio.tuning.events import EventLog
from studio.tuning.pace import sample_count
from studio.tuning.recipe import Recipe
from studio.tuning.run import Run, open_run
from studio.tuning.states import State

HELDOUT_EXAMPLES = 64  # at most, for the curve of the held-out loss
ASKED = 2  # held-out questions that are answered on the way
SCRATCH = ".trainer"  # what the libraries write while they train


def train(run: Run, log: EventLog) -> dict[str, Any]:
    """Tune the base as the run's recipe says and publish the adapter; returns what to report."""
    recipe = run.recipe
    with first_alone():
        state = find_state(run, log)
    log("phase", name="loading the base")
    base = find_base(recipe.base, download=False)
    engine = Engine(base, recipe.loading, unpacked=trains_unpacked(base))
    trainer, tuned = prepare(engine, recipe, run, log)
    log("phase", name="training", about=engine.about)
    watched = _learn(trainer, tuned, run, engine, state)
    seconds = trainer.saving.seconds
    log("phase", name="saving")
    if is_first():
        _save(tuned, trainer.model, run.adapter, origin(run, engine.base))
    return {
        "steps": trainer.state.global_step,
        "seconds": round(seconds, 2),
        "tokens": trainer.tokens_seen,
        "tokens_per_second": round(trainer.tokens_seen / seconds, 1),
        **watched,
    }


def _learn(
    trainer: Any, tuned: Tuned, run: Run, engine: Engine, state: State | None
) -> dict[str, Any]:
    """All the steps, and what the looks found; one that diverges keeps the last good step."""
    looks = next((one for one in trainer.between if isinstance(one, Looks)), None)
    try:
        if looks:
            looks.see_base(trainer.model)
        trainer.train_on(state)
        if trainer.saving.paused:
            raise Stopped("paused")
        return looks.result if looks else {}
    except Diverged as error:
        (held,) = (one for one in trainer.between if isinstance(one, LastGood))
        if (step := held.go_back()) is None:
            raise Diverged(f"{error} Nothing was learned before that could be kept.") from error
        for later in (one for one in run.checkpoints() if one > step):
            shutil.rmtree(run.folder / "checkpoints" / str(later))
        if step not in run.checkpoints():
            target = run.folder / "checkpoints" / str(step)
            _save(tuned, trainer.model, target, origin(run, engine.base))
        told = f"{error} What it was at step {step} was kept: {run.id}:{step}."
        raise Diverged(told, step) from error
    finally:
        shutil.rmtree(run.folder / SCRATCH, ignore_errors=True)


def prepare(engine: Engine, recipe: Recipe, run: Run, log: EventLog) -> tuple[Any, Tuned]:
    """The trainer for a recipe with its data and first weights, and what it tunes."""
    home = run.folder.parent.parent
    started = _adapter_to_start_from(engine, recipe, run)
    if recipe.loss == "dpo":
        learn, watch = split(read_pairs(recipe.pairs, home / "pairs"))
        tuned = tune_what(engine, recipe, started)
        prompts = [Prompt("held out", one.prompt, one.chosen[-1].content) for one in watch[:ASKED]]
        watching = _callbacks(engine, recipe, run, tuned, prompts, log)
        trainer: Any = prefer(
            engine, recipe, tuned, learned=learn, evaluated=watch, scratch=run.folder / SCRATCH,
            callbacks=watching,
        )  # fmt: skip
        return trainer, tuned
    with first_alone():
        texts = _write_texts(engine, recipe, cache=home / "cache", log=log)
        replays = right_answers(engine, recipe.replay_probes, home=home, log=log)
    log("phase", name="preparing the data")
    dataset = open_dataset(recipe.dataset, home / "datasets")
    past = past_examples(recipe.replay_datasets, home, dataset.heldout())
    others = (texts, replays, past)
    learned, evaluated = _tokens(engine, recipe, dataset, others, home / "cache", log)
    held = given_rows(engine, recipe.anchor_on, home) or anchor_rows(engine, texts)
    tuned = tune_what(engine, recipe, started)
    prompts = [
        Prompt("held out", one.messages, one.completion) for one in dataset.heldout()[:ASKED]
    ]
    trainer = make_trainer(
        engine, recipe, tuned, learned=learned, evaluated=evaluated,
        anchor_rows=held if recipe.kl_anchor else [], scratch=run.folder / SCRATCH,
        callbacks=_callbacks(engine, recipe, run, tuned, prompts, log), log=log,
    )  # fmt: skip
    return trainer, tuned


def _callbacks(
    engine: Engine,
    recipe: Recipe,
    run: Run,
    tuned: Tuned,
    prompts: Sequence[Prompt],
    log: EventLog,
) -> list[Any]:
    """What happens between two steps; only the first of several processes looks and keeps."""
    saving = Saving(run, recipe.save_every, log)
    if not is_first():
        return [saving, Agreeing()]

    def keep(model: Any, step: int) -> None:
        _save(tuned, model, run.folder / "checkpoints" / str(step), origin(run, engine.base))

    home = run.folder.parent.parent
    looks = Looks(
        recipe, general_rows(engine, recipe, home), untuned=tuned.untuned,
        answers=answering(engine, [*prompts, *old_skill(recipe.base)]), log=log,
    )  # fmt: skip
    return [LastGood(), Watch(log), Keep(recipe.checkpoints, keep), looks, saving, Agreeing()]


def _tokens(
    engine: Engine,
    recipe: Recipe,
    dataset: Dataset,
    others: tuple[Sequence[Conversation], Sequence[Conversation], Sequence[Conversation]],
    cache: Path,
    log: EventLog,
) -> tuple[Rows, Rows]:
    """What is learned, and of the held-out examples what is watched."""

    def warn(message: str) -> None:
        log("warning", message=message)

    examples, heldout = dataset.train(), dataset.heldout()
    rows = training_rows(recipe, examples, *others)
    longest = recipe.max_length
    learned = learnable(
        engine, rows, numbers=[one.place for one in examples], max_length=longest, warn=warn,
        cache=cache,
    )  # fmt: skip
    few = sample_count(recipe.steps_over(len(rows)) * recipe.batch, HELDOUT_EXAMPLES)
    heldout_rows = [_row(one.messages, one.completion) for one in heldout]
    evaluated = watchable(engine, heldout_rows, count=few, max_length=longest)
    if not evaluated:
        warn(
            "No held-out example has an answer within max_length tokens, so the held-out loss is "
            "not watched; raise max_length to see it."
        )
    return learned, evaluated


def _write_texts(
    engine: Engine, recipe: Recipe, *, cache: Path, log: EventLog
) -> list[Conversation]:
    """Conversations by the base itself, if the recipe anchors to them or replays them."""
    if not recipe.replay and (not recipe.kl_anchor or recipe.anchor_on):
        return []
    log("phase", name="the base writes its own texts")
    texts = self_texts(engine, recipe.self_texts, seed=recipe.seed, cache=cache)
    log("self_texts", count=len(texts))
    return texts


def training_rows(
    recipe: Recipe,
    examples: Sequence[Example],
    texts: Sequence[Conversation],
    replays: Sequence[Conversation],
    past: Sequence[Conversation] = (),
) -> list[dict[str, Any]]:
    """The task's examples, with the shares of replayed conversations that the recipe asks for."""
    rows = [_row(example.messages, example.completion) for example in examples]
    replay = recipe.replay if texts else 0.0
    probes = recipe.probe_share if replays else 0.0
    earlier = recipe.dataset_share if past else 0.0
    whole = len(examples) / (1 - replay - probes - earlier)
    for conversations, share in ((texts, replay), (replays, probes), (past, earlier)):
        chosen = (conversations[i % len(conversations)] for i in range(round(whole * share)))
        rows += [_row(one[:-1], one[-1].content) for one in chosen]
    return rows


def _save(tuned: Tuned, model: Any, target: Path, made_for: dict[str, Any]) -> None:
    with publishing(target, made_for) as draft:
        tuned.save(model, draft)


def _adapter_to_start_from(engine: Engine, recipe: Recipe, run: Run) -> Path | None:
    """The folder of the adapter that is trained on; raises RunError or ModelError if unfit."""
    if not recipe.start_from:
        return None
    parent = open_run(run.folder.parent, recipe.start_from)
    if parent.status() != "finished":
        raise RunError(f"Run {parent.id} is {parent.status()}; only a finished run is continued.")
    check_adapter(parent.adapter, engine.base.fingerprint)
    return parent.adapter


def _row(messages: tuple[Message, ...], answer: str) -> dict[str, Any]:
    """TRL's conversational prompt-completion format: only the completion is learned."""
    return {
        "prompt": [message.model_dump() for message in messages],
        "completion": [{"role": "assistant", "content": answer}],
    }


def anchor_rows(engine: Engine, texts: list[Conversation]) -> list[list[int]]:
    """Self-written conversations as tokens, whole: the anchor holds both speakers' words."""
    return [list(written.ids) for written in engine.form.write(texts)]
