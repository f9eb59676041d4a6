"""What a chat gives back to tuning and measuring: examples, preferences, cases."""

from collections.abc import Sequence
from typing import Any

from studio.chat.conversation import Conversation
from studio.chat.keeping import keep_example as keep_said
from studio.chat.keeping import note_case, prefer, said_by
from studio.data.dataset import Dataset
from studio.data.draft import Draft, template_of
from studio.data.draft_items import KeptCase, Provenance
from studio.data.drafts import FIRST
from studio.data.example import Message
from studio.errors import ChatError
from studio.measure.flagged import unflag
from studio.measure.outcome import BASE
from studio.measure.probe import Probe
from studio.verbs.chatting import Chatting


class Gathering(Chatting):
    """Drafts of what is to be learned."""

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

    def take_back(self, draft: str, item: str, *, owner: str | None = None) -> Draft:
        """Remove an item of the draft of that name.

        A case that used to work is measured no more, unless another draft holds it as well.
        """
        items = {one.id: one for one in self.drafts.open(draft, owner).items}
        left = self.drafts.take_back(draft, item, owner)
        held = {case.id for each in self.drafts.list() for case in each.cases}
        if isinstance(case := items[item], KeptCase) and item not in held:
            unflag(self.settings.probes, case.messages)
        return left

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
        told = {"name": draft.card.title, "owner": owner} | options
        dataset = self.build(template_of(draft), rows, **told)
        self.drafts.note_built(name, dataset.id, [str(row["item"]) for row in rows], owner)
        return dataset
