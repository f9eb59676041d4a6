"""What the deeds of the Conversation part share: its components, and what a visitor has set."""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import gradio as gr

from studio.chat.conversation import Conversation
from studio.chat.protocol import Sampling, Update
from studio.errors import ChatError
from studio.measure.outcome import BASE
from studio.studio import Studio
from studio.ui.board import Board, draw
from studio.ui.lanes import is_there
from studio.ui.setting import Setting, read_sampling
from studio.ui.writing import Writing

MESSAGE = "Your message, to every lane"
KEYS = "Enter sends, Shift+Enter makes a new line, Esc stops, Up edits the last message"


class Held(NamedTuple):
    """What the components of `Desk.held` hold, in their order."""

    conversation: str | None
    scope: str | None
    owner: str
    lanes: list[str]
    base: str
    system: str
    history: Any
    form: str
    sampling: Sampling

    @classmethod
    def read(cls, *values: Any) -> "Held":
        """From the values that an event brings."""
        talk, scope, owner, lanes, base, system, history, form, *drawn = values
        return cls(
            talk, scope, owner, lanes, base, system, history, form, read_sampling(*drawn)
        )  # fmt: skip

    def open(self, studio: Studio) -> Conversation | None:
        """The open conversation, or None if there is none or it is gone."""
        with suppress(ChatError):
            return studio.chats.open(self.conversation or "", self.scope)
        return None

    def opened(self, studio: Studio) -> Conversation:
        """The open conversation; ChatError if there is none."""
        if talk := self.open(studio):
            return talk
        raise ChatError("No conversation is open; write a message to begin one.")

    def arrange(self, talk: Conversation) -> Conversation:
        """The conversation, going on with what is set now."""
        return talk.arrange(
            lanes=tuple(self.lanes), base=self.base, system=self.system or "",
            history=self.history, sampling=self.sampling,
        )  # fmt: skip


@dataclass(frozen=True)
class Desk:
    """The components that the deeds read and write; one for all visitors, it holds no values."""

    setting: Setting
    board: Board
    prompt: gr.Textbox
    editing: gr.State
    """Which exchange is being edited, or None."""
    leave: gr.Button
    """Leaves the editing."""
    history: gr.Radio
    form: gr.Radio
    shown: gr.State
    """Id of the conversation that the board shows: no other one is taken up with its settings."""
    said: gr.State
    """When an answer ended last; who shows what was said listens to it."""
    writing: Writing = field(default_factory=Writing)

    @property
    def held(self) -> list[Any]:
        """The inputs that `Held.read` takes."""
        kept = self.setting
        return [
            kept.conversation, kept.scope, kept.owner, kept.lanes, kept.base, kept.system,
            self.history, self.form, *kept.sampling,
        ]  # fmt: skip

    @property
    def parts(self) -> list[Any]:
        """What a deed may change."""
        said = [self.prompt, self.editing, self.leave, self.shown, self.said]
        return [*said, self.setting.conversation, *self.board.parts]

    @property
    def everything(self) -> list[Any]:
        """What changes with another conversation: also how it is asked."""
        kept = self.setting
        return [
            *self.parts, kept.lanes, kept.base, kept.system, self.history, *kept.sampling
        ]  # fmt: skip

    def show(
        self, studio: Studio, talk: Conversation | None, held: Held, turn: int = -1,
        update: Update | None = None,
    ) -> dict[Any, Any]:  # fmt: skip
        """The board with this conversation in the lanes that are set."""
        shown = draw(studio, self.board, talk, held.lanes, held.form, turn, update)
        id = talk.id if talk else None
        return {self.setting.conversation: id, self.shown: id} | shown

    def show_lanes(self, studio: Studio, held: Held) -> dict[Any, Any]:
        """The columns of the lanes that are set, whatever is said in them.

        A conversation may be opened while this is on its way: it must not be shut again.
        """
        shown: dict[Any, Any] = {
            column: gr.Column(visible=number < len(held.lanes))
            for number, column in enumerate(self.board.columns)
        }
        for bot, lane in zip(self.board.bots, held.lanes, strict=False):
            shown[bot] = gr.Chatbot(label=studio.title_of(lane))
        return shown

    def take_up(self, studio: Studio, talk: Conversation, held: Held) -> dict[Any, Any]:
        """Open a conversation, with everything set as it was asked last."""
        lanes = [lane for lane in talk.lanes if lane == BASE or is_there(studio, lane)]
        sampling = talk.sampling
        drawn = (
            sampling.temperature, sampling.top_p, sampling.top_k, sampling.max_new_tokens,
            sampling.seed,
        )  # fmt: skip
        return (
            self.show(studio, talk, held._replace(lanes=lanes))
            | dict(zip(self.setting.sampling, drawn, strict=True))
            | self.leave_editing()
            | {
                self.setting.lanes: lanes,
                self.setting.base: talk.base,
                self.setting.system: talk.system,
                self.history: talk.history,
            }
        )

    def leave_editing(self) -> dict[Any, Any]:
        """The message box for a new message again."""
        box = gr.Textbox(value="", label=MESSAGE, placeholder=KEYS)
        return {self.prompt: box, self.editing: None, self.leave: gr.Button(visible=False)}
