"""One question answered by this machine's lanes and by endpoints, side by side in one update."""

import threading
from collections.abc import Generator, Mapping, Sequence

from studio.chat.client import ChatClient, Question
from studio.chat.endpoint import Call
from studio.chat.endpoints import Endpoint
from studio.chat.mailbox import Mailbox, State
from studio.chat.protocol import Ask, Row, Said, Sampling, Update
from studio.errors import Busy, StudioError


def answer_together(
    client: ChatClient, request: Ask, endpoints: Mapping[str, Endpoint], *, owner: str = ""
) -> Generator[Update]:
    """Yield all rows' texts as they grow, wherever they are answered; the last one is `done`.

    Rows in the lanes named in `endpoints` go there, the others stand in line for this machine.
    A lane that fails says why in its note, and the others go on. Closing the iterator early
    stops all of them.
    """
    box = Mailbox()
    desk = _Desk(request.rows, box, client.limits.unread)
    here = [place for place, row in enumerate(request.rows) if row.lane not in endpoints]
    calls: list[Call] = []
    question: Question | None = None
    try:
        for place, row in enumerate(request.rows):
            if row.lane in endpoints:
                calls += desk.call(place, row, endpoints[row.lane], request.sampling)
        if here:
            part = _Part(desk, here)
            rows = tuple(request.rows[place] for place in here)
            try:
                question = client.put(request.model_copy(update={"rows": rows}), part, owner=owner)
            except Busy as error:
                part.fail(error)
        yield from client.updates(box)
    finally:
        if question is not None:
            client.drop(question)
        for call in calls:
            call.stop()


class _Desk:
    """Lays the parts of an answer together as they come; every change is a new state."""

    def __init__(self, rows: Sequence[Row], box: Mailbox, unread: float) -> None:
        self.box = box
        self._unread = unread
        self._lock = threading.Lock()
        self._rows = [
            Said(lane=row.lane, text="", tokens=0, stopped=False, first_token=0,
                 tokens_per_second=0)
            for row in rows
        ]  # fmt: skip
        self._open = set(range(len(rows)))
        self._last = Update(id=0)

    def call(self, place: int, row: Row, endpoint: Endpoint, sampling: Sampling) -> list[Call]:
        """Ask an endpoint for one row; nothing is on its way if it cannot be asked."""

        def post(said: Said, over: bool) -> None:
            self.lay({place: said}, over=over)
            if not over and self.box.unread() > self._unread:
                call.stop()

        try:
            call = Call(endpoint, row, sampling, post)
        except StudioError as error:
            self.give_up([place], str(error))
            return []
        return [call]

    def lay(self, said: Mapping[int, Said], *, over: bool, of: Update | None = None) -> None:
        """Newer texts of some rows; `of` is this machine's update that they came with."""
        with self._lock:
            for place, text in said.items():
                self._rows[place] = text
            if over:
                self._open -= set(said)
            self._last = (of or self._last).model_copy(
                update={"rows": tuple(self._rows), "done": not self._open}
            )
            self.box.post(self._last)

    def give_up(self, places: Sequence[int], why: str) -> None:
        """These rows get no more text."""
        with self._lock:
            said = {place: self._rows[place].model_copy(update={"note": why}) for place in places}
        self.lay(said, over=True)


class _Part:
    """The box of the rows that this machine answers; what comes there goes to the desk."""

    def __init__(self, desk: _Desk, places: Sequence[int]) -> None:
        self._desk = desk
        self._places = places

    def post(self, state: State) -> None:
        """A newer state of this machine's rows."""
        assert isinstance(state, Update)
        said = dict(zip(self._places, state.rows, strict=False))
        self._desk.lay(said, over=state.done, of=state)

    def fail(self, error: StudioError) -> None:
        """This machine's rows get no more text."""
        self._desk.give_up(self._places, str(error))

    def unread(self) -> float:
        """How long nobody came for the whole."""
        return self._desk.box.unread()
