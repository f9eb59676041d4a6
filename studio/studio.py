"""The one object that the page, the command line and a script talk to."""

import json
import shutil
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from studio.chat.archive import Archive
from studio.chat.arena import Arena
from studio.chat.arena_sheet import preferences
from studio.chat.client import ENGINE, ChatClient
from studio.chat.conversation import Conversation
from studio.chat.deck import Deck, own_deck, retention_deck, task_deck
from studio.chat.deck import load as load_deck
from studio.chat.deck import own_names as own_decks
from studio.chat.deck import save as save_deck
from studio.chat.deck_run import DeckRun, DeckRuns, Table, deal
from studio.chat.endpoints import (
    Checked,
    Endpoint,
    find_endpoint,
    is_endpoint,
    read_endpoints,
)
from studio.chat.keeping import keep_example as keep_said
from studio.chat.keeping import note_case, prefer, said_by
from studio.chat.protocol import (
    Ask,
    Diverge,
    Diverged,
    Explain,
    Lane,
    Reply,
    Row,
    Sampling,
    Update,
)
from studio.chat.reading import Reading
from studio.chat.rows import rows_of_chats
from studio.chat.score import Score, score
from studio.chat.votes import Arenas
from studio.data.dataset import Dataset, build_dataset, list_datasets, open_dataset
from studio.data.draft import Draft, template_of
from studio.data.draft_items import Provenance
from studio.data.drafts import FIRST, Drafts, mark_of
from studio.data.example import Message
from studio.data.foreign import Brought, free_name
from studio.data.gather import Gathered, demand, gather
from studio.data.hub import read_hub
from studio.data.mapping import Mapping, suggest
from studio.data.readers import Rows
from studio.data.reuse import rows_of_dataset
from studio.data.template import Template, find, own, shipped
from studio.data.template_forms import read_templates
from studio.errors import ChatError, DatasetError, RunError, StudioError
from studio.measure.comparison import Comparison, LaneSpec
from studio.measure.halves import measuring_half, replayed_half
from studio.measure.importing import import_probe, keep_heldout
from studio.measure.keepsake import pack
from studio.measure.outcome import BASE
from studio.measure.probe import Probe, flag, own_probes
from studio.measure.probe import find as find_probes
from studio.measure.probe import shipped as shipped_probes
from studio.measure.report import Report
from studio.measure.results import read_report, rejudge
from studio.models.catalogue import find_base
from studio.settings import settings
from studio.tuning.events import Event
from studio.tuning.launch import Launcher
from studio.tuning.lineage import continued
from studio.tuning.recipe import Method, Recipe
from studio.tuning.remedy import RemedyName, mend
from studio.tuning.run import UNDER_WAY, Run, create_run, list_runs, open_run

LaneName = str | LaneSpec
OTHER_SOURCES = ("hub", "dataset", "chat", "chats")
"""What rows come from besides files."""


class Studio:
    """The verbs of instruction tuning over one home folder; keeps no state but that folder."""

    def __init__(self, home: Path | str | None = None) -> None:
        self.settings = settings(home)
        self.settings.make_folders()
        self._launcher = Launcher(self.settings.logs)
        self._chat = ChatClient(self.settings.logs / "chat.log", [*ENGINE, str(self.settings.home)])
        self.deck_runs = DeckRuns(self.settings.decks / "runs")
        self.chats = Archive(self.settings.chats)
        self.drafts = Drafts(self.settings.drafts)
        self.arenas = Arenas(self.settings.arena, self.ask)

    def __enter__(self) -> "Studio":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Send the helpers in the background home; runs go on."""
        self._launcher.close()
        self._chat.close()

    # ---- templates and datasets

    def templates(self) -> list[Template]:
        """Every readable template, the shipped ones first; a person's own win over a name."""
        mine, _ = own(self.settings.home)
        return list((shipped() | mine).values())

    def template(self, name_or_path: str | Path) -> Template:
        """A template by name or file."""
        return find(name_or_path, self.settings.home)

    def save_template(self, template: Template, rows: Sequence[dict[str, Any]] = ()) -> Template:
        """Keep a person's own template with these rows beside it; it wins over a shipped one."""
        folder = self.settings.templates
        rows_file = f"rows/{template.name}.jsonl" if rows else None
        kept = template.model_copy(update={"rows": (), "rows_file": rows_file})
        if rows_file:
            (folder / "rows").mkdir(exist_ok=True)
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            (folder / rows_file).write_text("".join(lines), encoding="utf-8")
        (folder / f"{template.name}.yaml").write_text(kept.yaml(), encoding="utf-8")
        return self.template(template.name)

    def import_templates(self, path: Path | str) -> Brought:
        """Keep templates of a file of another program among a person's own.

        PromptSource YAML, FLAN's pattern pairs, a task of Natural Instructions or of lm-eval, or
        a template of ours. A name that is taken gets a number. TemplateError leaves nothing behind.
        """
        found = read_templates(Path(path).expanduser())
        taken = {template.name for template in self.templates()}
        kept = []
        for template in found.templates:
            name = free_name(template.name, taken)
            taken.add(name)
            renamed = template.model_copy(update={"name": name})
            kept.append(self.save_template(renamed, found.rows.get(template.name, ())))
        return Brought(tuple(kept), found.left)

    def gather(
        self, sources: Sequence[str | Path], *, encoding: str = "", owner: str | None = None
    ) -> Gathered:
        """Rows of files and of what else has some, every record with its place.

        Besides files: `hub:OWNER/NAME[@CONFIG][:SPLIT]`, `dataset:ID`, `chats`, `chat:ID[@LANE]`.
        Chats are those of the owner, without one everybody's. DatasetError if a source cannot be
        read or they are too much together.
        """
        named = [(source, *str(source).partition(":")[::2]) for source in sources]
        files = [Path(source) for source, kind, _ in named if kind not in OTHER_SOURCES]
        parts = [
            (str(source), self._read_source(kind, about, owner))
            for source, kind, about in named
            if kind in OTHER_SOURCES
        ]
        return gather(files, encoding=encoding, others=parts)

    def _read_source(self, kind: str, about: str, owner: str | None) -> Rows:
        """Rows of something that is no file."""
        if kind == "hub":
            return read_hub(about)
        if kind == "dataset":
            return rows_of_dataset(self.dataset(about))
        id, _, lane = about.partition("@")
        ids = [id] if kind == "chat" else [one.id for one in self.chats.list(owner)]
        return rows_of_chats([self.chats.open(one, owner) for one in ids], lane)

    def build(
        self,
        template: str | Path | Template,
        rows: Path | Gathered | Sequence[dict[str, Any]] | None = None,
        *,
        mapping: Mapping | None = None,
        **options: Any,
    ) -> Dataset:
        """Freeze a dataset from a template and rows (its own, a file's, or given ones).

        Columns of a file or of what was gathered are found as `mapping` says, or as `suggest`
        would. Options are those of `build_dataset`: name, heldout_share, seed, phrasings, limit.
        """
        chosen = template if isinstance(template, Template) else self.template(template)
        if isinstance(rows, Path):
            rows = self.gather([rows])
        if isinstance(rows, Gathered):
            if not rows.rows:
                why = "".join(f" {place}: {reason}." for place, reason in rows.refused[:1])
                raise DatasetError(f"There is no usable row.{why}")
            fitted = demand(mapping or suggest(rows.rows, chosen), rows.rows, chosen)
            mapped = rows.mapped(fitted)
            taken, options["beforehand"] = mapped.rows, mapped.findings()
        else:
            taken = chosen.all_rows() if rows is None else list(rows)
        return build_dataset(
            chosen, taken, datasets_folder=self.settings.datasets, asked=self._asked, **options
        )

    def _asked(self) -> dict[str, list[str]]:
        """The questions of every probe by its name."""
        return {
            probe.name: [case.messages[-1].content for case in probe.cases if case.messages]
            for probe in self.probes()
        }

    def datasets(self) -> list[Dataset]:
        """Every dataset, newest first."""
        return list_datasets(self.settings.datasets)

    def dataset(self, id: str) -> Dataset:
        """The dataset of that id."""
        return open_dataset(id, self.settings.datasets)

    # ---- drafts

    def keep_example(
        self,
        conversation: Conversation,
        lane: str,
        n: int = -1,
        *,
        answer: str | None = None,
        draft: str = FIRST,
        owner: str | None = None,
    ) -> Draft:
        """Keep the lane's n-th answer, or what a person wrote in its place, to be learned.

        It goes into the owner's draft of that title, which is begun if need be.
        """
        return keep_said(
            self.drafts, conversation, n, lane, answer=answer, title=draft, owner=owner
        )

    def prefer(
        self,
        conversation: Conversation,
        lane: str,
        n: int = -1,
        *,
        draft: str = FIRST,
        owner: str | None = None,
    ) -> Draft:
        """Keep that the lane's n-th answer is better than the other lanes', as pairs."""
        return prefer(self.drafts, conversation, n, lane, title=draft, owner=owner)

    def keep_pair(
        self,
        messages: Sequence[Message],
        chosen: str,
        rejected: str,
        *,
        came_from: Provenance,
        draft: str = FIRST,
        owner: str | None = None,
    ) -> Draft:
        """Keep a preference from elsewhere, such as a vote of the arena."""
        begun = self.drafts.begin(draft, owner)
        return self.drafts.keep_pair(begun.name, messages, chosen, rejected, came_from, owner)

    def used_to_work(
        self,
        conversation: Conversation,
        lane: str = BASE,
        n: int = -1,
        *,
        draft: str = FIRST,
        owner: str | None = None,
    ) -> Probe:
        """Flag the lane's n-th answer as one that must stay; the draft says where it came from."""
        probe = self.flag_case(conversation.messages(lane, n), said_by(conversation, n, lane))
        note_case(self.drafts, conversation, n, lane, title=draft, owner=owner)
        return probe

    def build_from_draft(
        self, name: str, *, owner: str | None = None, chosen_too: bool = False, **options: Any
    ) -> Dataset:
        """Freeze a draft's examples into a dataset, with `chosen_too` also preferred answers.

        Options are those of `build_dataset`. The draft notes which items went into it.
        """
        draft = self.drafts.open(name, owner)
        rows = draft.rows(chosen_too=chosen_too)
        if not rows:
            raise ChatError(f"Draft '{draft.card.title}' holds no example yet; keep one in chat.")
        dataset = self.build(template_of(draft), rows, **({"name": draft.card.title} | options))
        self.drafts.note_built(name, dataset.id, [str(row["item"]) for row in rows], owner)
        return dataset

    # ---- tuning

    def warm_up(self) -> None:
        """Have a standby process ready, so that the next run starts at once."""
        self._launcher.warm_up()

    def preset(
        self, name: str, *, dataset: str, base: str = "starter", method: Method = "qlora"
    ) -> Recipe:
        """A point on the dial, its learning rate that of the method and the base's width.

        Few examples are seen more often, so that there are steps enough to learn anything.
        """
        hidden_size = find_base(base).hidden_size
        recipe = Recipe.preset(
            name, dataset=dataset, base=base, hidden_size=hidden_size, method=method
        )
        with suppress(DatasetError):  # chosen later
            recipe = recipe.for_examples(self.dataset(dataset).card.train)
        return recipe

    def train(self, recipe: Recipe) -> Run:
        """Start a tuning run; it waits in line if the device is busy. Nothing is left on error."""
        dataset = self.dataset(recipe.dataset)
        recipe = continued(recipe, find_base(recipe.base), self.settings.runs)
        for probe in find_probes(recipe.replay_probes, self.settings.probes):
            replayed_half(probe)
        run = create_run(self.settings.runs, recipe, about=recipe.name or dataset.card.name)
        self._launcher.start(run)
        return run

    def runs(self) -> list[Run]:
        """Every run, newest first."""
        self._launcher.reap()
        return list_runs(self.settings.runs)

    def run(self, id: str) -> Run:
        """The run of that id."""
        return open_run(self.settings.runs, id)

    def wait(self, run: Run, *, on_event: Callable[[Event], None] | None = None) -> Run:
        """Wait until the run has ended; raises RunError unless it finished."""
        seen = 0
        while True:
            status = run.status()
            events = run.events()
            for event in events[seen:]:
                if on_event:
                    on_event(event)
            seen = len(events)
            if status not in UNDER_WAY:
                break
            time.sleep(0.1)
        self._launcher.reap()
        if status != "finished":
            raise RunError(f"Run {run.id} is {status}. {run.error() or ''}".strip())
        return run

    def delete_run(self, id: str) -> None:
        """Remove a run that has ended, with its adapter and log."""
        run = self.run(id)
        if run.status() in UNDER_WAY:
            raise RunError(f"Run {id} is {run.status()}; cancel it before deleting it.")
        shutil.rmtree(run.folder)

    # ---- measuring

    def compare(
        self,
        lanes: Sequence[LaneName],
        *,
        probes: Sequence[str] | None = None,
        limit: int = 0,
        max_new_tokens: int = 48,
        shots: int = 0,
    ) -> Run:
        """Start measuring tuned lanes against their base: the task's held-out rows and probes.

        Without `probes`, those made for the base are asked; with `shots`, each once more behind
        so many solved cases. The runs may still be under way.
        """
        chosen = [LaneSpec.parse(lane) if isinstance(lane, str) else lane for lane in lanes]
        base, method, recipes = self._shared_base(chosen)
        comparison = Comparison(
            base=base,
            method=method,
            lanes=tuple(chosen),
            datasets=tuple(dict.fromkeys(recipe.dataset for recipe in recipes)),
            probes=tuple(self.retention_probes(base) if probes is None else probes),
            limit=limit,
            max_new_tokens=max_new_tokens,
            shots=shots,
            replayed=tuple(
                dict.fromkeys(name for lane in chosen for name in self.run(lane.run).replayed())
            ),
        )
        return self._measure(comparison, recipes[0].dataset)

    def _measure(self, comparison: Comparison, about: str) -> Run:
        """Start a measurement whose probes are all there."""
        comparison.gather_probes(self.settings.home)
        run = create_run(self.settings.runs, comparison, about=f"measure {about}")
        self._launcher.start(run)
        return run

    def measure_more(self, id: str, limit: int = 0) -> Run:
        """Measure once more what that measurement did, on up to `limit` cases per probe; 0: all.

        What it found is reused, also if it was broken off: only new cases cost time.
        """
        before = self.measurement(id).comparison
        if limit and limit < (before.limit or limit + 1):
            had = f"up to {before.limit}" if before.limit else "all"
            raise RunError(f"Run {id} asks {had} cases per probe already; give a higher limit.")
        more = before.model_copy(update={"limit": limit})
        return self._measure(more, self.run(before.lanes[0].run).recipe.dataset)

    def retention_probes(self, base: str) -> list[str]:
        """Names of the probes asked without being named: a base's own pack and a person's own.

        The starter has a pack of its own; the pack "general" is for every other base.
        """
        pack = base if base == "starter" else "general"
        own = own_probes(self.settings.probes)
        return [probe.name for probe in (*shipped_probes(pack), *own)]

    def probes(self) -> list[Probe]:
        """Every probe there is, the shipped ones first."""
        return find_probes(None, self.settings.probes)

    def import_probe(self, path: Path | str, **options: Any) -> Probe:
        """Keep a probe made of a person's file: see `studio.measure.importing` for which files.

        Options are name, title and kind; ProbeError leaves nothing behind.
        """
        return import_probe(Path(path).expanduser(), self.settings.probes, **options)

    def keep_heldout(self, dataset: str, **options: Any) -> Probe:
        """Keep a dataset's held-out examples as a retention probe; options: name and title."""
        return keep_heldout(self.dataset(dataset), self.settings.probes, **options)

    def flag_case(self, messages: Sequence[Message], answer: str) -> Probe:
        """Keep a chat's question with the answer that should stay; the probe of all flagged."""
        return flag(self.settings.probes, messages, answer)

    def _shared_base(self, lanes: Sequence[LaneSpec]) -> tuple[str, Any, list[Recipe]]:
        """Base and method that all lanes share, and their recipes; RunError if they differ."""
        if not lanes:
            raise RunError("Name at least one run to compare with its base.")
        runs = [self.run(lane.run) for lane in lanes]
        for run, lane in zip(runs, lanes, strict=True):
            if not run.makes_adapter:
                raise RunError(f"Run {run.id} is a measurement; only tuned runs can be compared.")
            if (status := run.status()) in UNDER_WAY:
                continue
            if lane.checkpoint is None and status != "finished":
                raise RunError(f"Run {run.id} is {status} and has no adapter to use.")
            run.adapter_at(lane.checkpoint)
        recipes = [run.recipe for run in runs]
        for recipe, lane in zip(recipes, lanes, strict=True):
            if recipe.is_soft and lane.strength != 1:
                raise RunError(
                    f"{lane.run} is a soft prompt, which is there or not and has no strength; ask "
                    f"for {lane.run} alone."
                )
        if len({(recipe.base, recipe.loading) for recipe in recipes}) > 1:
            raise RunError(
                "These runs were tuned on different bases or precisions, so one base lane cannot "
                "stand for all; compare them one at a time."
            )
        return recipes[0].base, recipes[0].loading, recipes

    def measurement(self, id: str) -> Run:
        """The measuring run of that id, or the newest finished one that measured that tuned run.

        One that measured the run as it ended, at full strength, goes before any other.
        """
        run = self.run(id)
        if run.kind == "compare":
            return run
        about = [
            (any(lane.id == id for lane in other.comparison.lanes), other)
            for other in self.runs()
            if other.kind == "compare"
            and any(lane.run == id for lane in other.comparison.lanes)
            and other.status() == "finished"
        ]
        if not about:
            raise RunError(f"Run {id} has not been measured yet; compare it with its base first.")
        return max(about, key=lambda one: one[0])[1]

    def report(self, id: str, **bounds: Any) -> Report:
        """The report of a measuring run, or the newest one about a tuned run.

        With bounds (margin, nll_margin, level) it is judged again by them; nothing is saved.
        """
        run = self.measurement(id)
        return rejudge(run, **bounds) if bounds else read_report(run)

    # ---- repairing

    def repair(self, report_id: str | None, lane: LaneName, how: RemedyName, **options: Any) -> Run:
        """Start what mends the lane: tuning again, or a repair of its adapter.

        The report (a measurement's or a tuned run's id) says what fell and which strength is best;
        None will do where the options say so. Options are those of the remedy of that name in
        `studio.tuning.remedy`, and `name`.
        """
        spec = LaneSpec.parse(lane) if isinstance(lane, str) else lane
        self._shared_base([spec])
        run, name = self.run(spec.run), options.pop("name", "")
        made = mend(run, spec, how, report=self.report(report_id) if report_id else None, **options)
        if isinstance(made, Recipe):
            return self.train(made.model_copy(update={"name": name or made.name}))
        self._shared_base(made.sources)
        recipe = made.recipe.model_copy(update={"name": name or made.recipe.name})
        repaired = create_run(
            self.settings.runs, made.model_copy(update={"recipe": recipe}), about=recipe.name
        )
        self._launcher.start(repaired)
        return repaired

    def repair_and_measure(
        self, report_id: str | None, lane: LaneName, how: RemedyName, **options: Any
    ) -> tuple[Run, Run]:
        """Start `repair`, and after it the measurement of the lane before and after.

        It asks what the report asked, or without one every probe of the base.
        """
        asked: dict[str, Any] = {}
        if report_id:
            before = self.measurement(report_id).comparison
            before.gather_probes(self.settings.home)  # one that is gone is told before any work
            asked = before.asks | {"shots": before.shots}
        repaired = self.repair(report_id, lane, how, **options)
        return repaired, self.compare([lane, repaired.id], **asked)

    # ---- chat

    def ask(
        self,
        conversations: Sequence[tuple[str, Sequence[Message]] | Row],
        *,
        base: str = "starter",
        method: Any = "qlora",
        sampling: Sampling | None = None,
        owner: str = "",
    ) -> Generator[Update]:
        """Answer (lane, conversation) pairs in one batch; a lane is base or run[:step][@strength].

        A row says besides how its answer begins already. Base and method are those of the runs
        where there are any. An owner is a visitor, who may have only so many questions on the way.
        Rows in a lane "endpoint:NAME" are answered there, beside the others.
        """
        rows = [
            one if isinstance(one, Row) else Row(lane=one[0], messages=tuple(one[1]))
            for one in conversations
        ]
        remote = {row.lane: self.endpoint(row.lane) for row in rows if is_endpoint(row.lane)}
        here = [row.lane for row in rows if row.lane not in remote]
        lanes: tuple[Lane, ...] = ()
        if here:
            base, method, lanes = self._lanes(here, base, method)
        if not remote:
            return self._chat.ask(
                rows, base=base, method=method, lanes=lanes, sampling=sampling, owner=owner
            )
        from studio.chat.together import answer_together  # loads the HTTP client

        request = Ask(
            id=0, base=base, method=method, lanes=lanes, rows=tuple(rows),
            sampling=sampling or Sampling(),
        )  # fmt: skip
        return answer_together(self._chat, request, remote, owner=owner)

    def _lanes(
        self, names: Sequence[str], base: str, method: Any
    ) -> tuple[str, Any, tuple[Lane, ...]]:
        """What the engine loads so that these lanes can answer: base, method, adapters."""
        specs = {lane: LaneSpec.parse(lane) for lane in names if lane != BASE}
        lanes = []
        if specs:
            base, method, _ = self._shared_base(list(specs.values()))
        for name, spec in specs.items():
            run = self.run(spec.run)
            if spec.checkpoint is None and run.status() != "finished":
                raise RunError(f"Run {run.id} is {run.status()}; chat with it once it is finished.")
            adapter = run.adapter_at(spec.checkpoint)
            lanes.append(Lane(id=name, adapter=adapter, strength=spec.strength))
        find_base(base)
        return base, method, tuple(lanes)

    def explain(
        self,
        messages: Sequence[Message],
        answer: str,
        *,
        after: str,
        before: str = BASE,
        ended: bool = True,
        alternatives: int = 5,
        base: str = "starter",
        method: Any = "qlora",
        owner: str = "",
    ) -> Reading:
        """Read an answer in two lanes: each token's log p before and after, and what else could be.

        It may have been given by any lane; `ended` says whether it ended by itself.
        """
        if remote := [lane for lane in (before, after) if is_endpoint(lane)]:
            raise ChatError(f"{remote[0]} does not show its probabilities; choose another lane.")
        base, method, lanes = self._lanes([before, after], base, method)
        asked = Explain(
            id=0, base=base, method=method, lanes=lanes, messages=tuple(messages), answer=answer,
            ended=ended, before=before, after=after, alternatives=alternatives,
        )  # fmt: skip
        return Reading(before, after, self._chat.explain(asked, owner=owner).tokens)

    def answer(
        self, conversation: Conversation, *, lanes: Sequence[str] | None = None, **options: Any
    ) -> Generator[tuple[Conversation, Update]]:
        """Answer a conversation's last question, in the lanes that have not finished answering.

        It is saved with the question before anything is said, while the answers come, and however
        they end. Options are those of `ask`; answers are drawn as the last exchange says.
        """
        kept = self.chats.save(conversation)
        rows = kept.rows(lanes)
        if not rows:
            raise ChatError("Nothing is left to be answered; write a message, or ask for a retry.")
        how: dict[str, Any] = {"base": kept.base, "owner": kept.owner} | options
        updates = self.ask(rows, sampling=kept.exchanges[-1].sampling, **how)
        yield from self.chats.follow(kept, updates)

    # ---- decks

    def decks(self, lanes: Sequence[str] = (), *, base: str = "starter") -> dict[str, str]:
        """Titles by name of the decks that suit these lanes: their tasks, old skills, own ones."""
        found = {}
        for id in dict.fromkeys(run.recipe.dataset for run in self._runs_of(lanes)):
            with suppress(StudioError):  # removed since: there are no rows to ask
                found[f"task:{id}"] = f"Task: held-out rows of {self.dataset(id).card.name}"
        found[f"retention:{base}"] = f"Old skills: questions from the probes of {base}"
        return found | {name: f"Own: {name}" for name in own_decks(self.settings.decks)}

    def deck(self, name: str, lanes: Sequence[str] = ()) -> Deck:
        """A deck by name; of probes that one of the lanes learned from, only the other half."""
        kind, _, about = name.partition(":")
        if kind == "task":
            return task_deck(self.dataset(about))
        if kind != "retention":
            return load_deck(name, self.settings.decks)
        learned = {probe for run in self._runs_of(lanes) for probe in run.replayed()}
        asked = find_probes(self.retention_probes(about), self.settings.probes)
        halves = [measuring_half(one) if one.name in learned else one for one in asked]
        return retention_deck(about, halves)

    def keep_deck(self, name: str, source: Path | str) -> Deck:
        """Keep a deck of a person's file, or of text with a prompt per line; see `own_deck`."""
        deck = own_deck(name, source)
        save_deck(deck, self.settings.decks)
        return deck

    def run_deck(
        self,
        deck: str | Deck,
        lanes: Sequence[str],
        *,
        limit: int = 0,
        system: str = "",
        sampling: Sampling | None = None,
        base: str = "starter",
        owner: str = "",
        fresh: bool = False,
    ) -> Generator[Table]:
        """Answer a deck in the base and these lanes; yields the table as it fills.

        The same question is never asked twice: a run that was stopped goes on, one that is done
        is shown as it was, unless it is asked `fresh`.
        """
        chosen = deck if isinstance(deck, Deck) else self.deck(deck, lanes)
        ground = self._lanes([one for one in lanes if not is_endpoint(one)], base, "qlora")
        run = DeckRun.of(
            chosen.shortened(limit), lanes, base=ground[0], system=system.strip(),
            sampling=sampling or Sampling(), owner=owner,
        )  # fmt: skip

        def diverge(replies: Sequence[Reply], among: Sequence[str]) -> Diverged:
            base, method, adapters = self._lanes(among, run.base, "qlora")
            return self._chat.diverge(
                Diverge(id=0, base=base, method=method, lanes=adapters,
                        replies=tuple(replies), among=tuple(among)),
                owner=owner,
            )  # fmt: skip

        return deal(
            self.deck_runs.keep(run, fresh=fresh),
            self.deck_runs,
            ask=lambda rows: self.ask(rows, base=run.base, sampling=run.sampling, owner=owner),
            diverge=diverge,
        )

    def _runs_of(self, lanes: Sequence[str]) -> list[Run]:
        """The tuned runs behind these lanes."""
        tuned = [lane for lane in lanes if lane != BASE and not is_endpoint(lane)]
        return [self.run(LaneSpec.parse(lane).run) for lane in tuned]

    # ---- blind arena

    def start_arena(
        self, lanes: Sequence[str], decks: Sequence[str | Deck], *, limit: int = 0, **options: Any
    ) -> Arena:
        """Settle a blind arena of these lanes: who meets whom on which prompts, on which sides.

        The first lane is what the others are compared with. At most `limit` prompts are taken of
        each deck; 0 takes all. Options are base, system, sampling, seed, title and owner. Go on
        with `arenas.next` and `arenas.vote`.
        """
        here = [lane for lane in lanes if not is_endpoint(lane)]
        base, _, _ = self._lanes(here, options.pop("base", "starter"), "qlora")
        for lane in set(lanes) - set(here):
            self.endpoint(lane)  # one that is not known is told now
        chosen = [one if isinstance(one, Deck) else self.deck(one, lanes) for one in decks]
        called = [self.title_of(lane) for lane in lanes]
        titles = {
            lane: title if called.count(title) == 1 else f"{title} ({lane})"
            for lane, title in zip(lanes, called, strict=True)
        }
        names = " against ".join(titles.values())
        return self.arenas.start(
            lanes=tuple(lanes), titles=titles, base=base,
            decks=tuple(deck.shortened(limit) for deck in chosen),
            **{"title": names} | options,
        )  # fmt: skip

    def score_arena(self, id: str) -> Score:
        """What an arena's votes say so far, each deck for itself."""
        return score(self.arenas.open(id), self.arenas.duels(id), self.arenas.votes(id))

    def keep_votes(
        self,
        id: str,
        *,
        decks: Sequence[str] | None = None,
        draft: str = FIRST,
        owner: str | None = None,
    ) -> int:
        """Keep an arena's decisive votes as pairs in the owner's draft of that title; how many.

        Without `decks`, only those on a person's own prompts: held-out rows and probes measure
        nothing any more once they are learned.
        """
        arena = self.arenas.open(id)
        if decks is None:
            decks = [deck.name for deck in arena.decks if deck.kind == "own"]
        found = list(preferences(self.arenas, arena, decks, who=mark_of(owner or "")))
        for one in found:
            self.keep_pair(
                one.messages, one.chosen, one.rejected,
                came_from=one.came_from, draft=draft, owner=owner,
            )  # fmt: skip
        return len(found)

    def title_of(self, lane: str) -> str:
        """What a person calls a lane; a run that was deleted keeps its name."""
        if lane == BASE:
            return "Base"
        if is_endpoint(lane):
            return lane.partition(":")[2]
        spec = LaneSpec.parse(lane)
        try:
            title = self.run(spec.run).title
        except StudioError:
            title = f"{spec.run} (deleted)"
        step = f" · step {spec.checkpoint}" if spec.checkpoint else ""
        return title + step + (f" · strength {spec.strength:g}" if spec.strength != 1 else "")

    def endpoints(self) -> list[Endpoint]:
        """The servers elsewhere that can answer in a lane; EndpointError if their file is wrong."""
        return read_endpoints(self.settings.home)

    def endpoint(self, name: str) -> Endpoint:
        """The endpoint of that name, or of that lane."""
        return find_endpoint(name, self.settings.home)

    def check_endpoint(self, name: str) -> Checked:
        """Ask an endpoint for one token; EndpointError says in one sentence what is wrong."""
        from studio.chat.endpoint_check import check

        return check(self.endpoint(name))

    def warm_up_chat(self) -> None:
        """Start the chat engine's process ahead of the first question."""
        self._chat.warm_up()

    # ---- shipping

    def export(self, id: str, folder: Path) -> Path:
        """Copy a finished run's adapter with card, recipe and newest report into a new folder."""
        run = self.run(id)
        if not run.makes_adapter or run.status() != "finished":
            raise RunError(f"Run {id} is {run.status()}; only a finished tuning run is exported.")
        measurement = report = None
        with suppress(StudioError):  # not measured yet: the adapter goes without a report
            measurement = self.measurement(id)
            report = read_report(measurement)
        return pack(run, measurement, report, Path(folder).expanduser())
