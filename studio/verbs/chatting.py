"""Answers of all lanes side by side, and reading them token by token."""

from collections.abc import Generator, Sequence
from typing import Any

from studio.chat.conversation import Conversation
from studio.chat.endpoints import (
    Checked,
    Endpoint,
    find_endpoint,
    is_endpoint,
    read_endpoints,
)
from studio.chat.protocol import (
    Ask,
    Explain,
    Lane,
    Row,
    Sampling,
    Update,
)
from studio.chat.reading import Reading
from studio.data.example import Message
from studio.errors import ChatError, RunError, StudioError
from studio.measure.comparison import LaneSpec
from studio.measure.outcome import BASE
from studio.models.catalogue import find_base
from studio.verbs.advising import Advising


class Chatting(Advising):
    """Questions to the base, to runs and to models elsewhere."""

    def warm_up_chat(self) -> None:
        """Start the chat engine's process ahead of the first question."""
        self._chat.warm_up()

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
