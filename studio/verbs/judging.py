"""Many prompts at once: decks in all lanes, and votes without names."""

from collections.abc import Generator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from studio.chat.arena import Arena
from studio.chat.arena_sheet import preferences
from studio.chat.deck import Deck, own_deck, retention_deck, task_deck
from studio.chat.deck import load as load_deck
from studio.chat.deck import own_titles as own_decks
from studio.chat.deck import save as save_deck
from studio.chat.deck_run import DeckRun, DeckRuns, Table, deal
from studio.chat.endpoints import is_endpoint
from studio.chat.protocol import Diverge, Diverged, Reply, Sampling
from studio.chat.score import Score, score
from studio.chat.votes import Arenas
from studio.data.drafts import FIRST, mark_of
from studio.errors import ChatError, StudioError
from studio.measure.comparison import LaneSpec
from studio.measure.halves import measuring_half
from studio.measure.outcome import BASE
from studio.measure.probe import find as find_probes
from studio.names import telling_slug
from studio.tuning.run import Run
from studio.verbs.gathering import Gathering


class Judging(Gathering):
    """Decks and blind arenas."""

    def __init__(self, home: Path | str | None = None) -> None:
        super().__init__(home)
        self.deck_runs = DeckRuns(self.settings.decks / "runs")
        self.arenas = Arenas(self.settings.arena, self.ask)

    def decks(
        self, lanes: Sequence[str] = (), *, base: str = "starter", owner: str | None = None
    ) -> dict[str, str]:
        """Titles by name of the decks that suit these lanes: their tasks, old skills, own ones.

        Of own decks an owner sees their own, None everybody's.
        """
        found = {}
        for id in dict.fromkeys(run.recipe.dataset for run in self._runs_of(lanes)):
            with suppress(StudioError):  # removed since: there are no rows to ask
                found[f"task:{id}"] = f"Task: held-out rows of {self.dataset(id).card.name}"
        found[f"retention:{base}"] = f"Old skills: questions from the probes of {base}"
        own = own_decks(self.settings.decks, owner)
        return found | {name: f"Own: {title}" for name, title in own.items()}

    def deck(self, name: str, lanes: Sequence[str] = (), *, owner: str | None = None) -> Deck:
        """A deck by name; of probes that one of the lanes learned from, only the other half."""
        kind, _, about = name.partition(":")
        if kind == "task":
            return task_deck(self.dataset(about))
        if kind != "retention":
            return load_deck(name, self.settings.decks, owner)
        learned = {probe for run in self._runs_of(lanes) for probe in run.replayed()}
        asked = find_probes(self.retention_probes(about), self.settings.probes)
        halves = [measuring_half(one) if one.name in learned else one for one in asked]
        return retention_deck(about, halves)

    def keep_deck(
        self, name: str, source: Path | str, *, replace: bool = True, owner: str | None = None
    ) -> Deck:
        """Keep a deck of a person's file, or of text with a prompt per line; see `own_deck`.

        One of the same name gives way to it, or is a ChatError without `replace`.
        """
        named = telling_slug(name, mark_of(owner or ""))
        deck = own_deck(name, source).model_copy(update={"name": named})
        if not replace and deck.name in own_decks(self.settings.decks):
            raise ChatError(f"There is a deck “{deck.title}” already; give this one another name.")
        save_deck(deck, self.settings.decks, owner or "")
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
