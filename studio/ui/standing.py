"""How a run stands, in words and numbers, read from its folder."""

from dataclasses import dataclass

from studio.tuning.events import Event
from studio.tuning.run import RESUMABLE, UNDER_WAY, Run, Status

WORDS: dict[Status, str] = {
    "created": "○ starting",
    "waiting": "○ in line",
    "running": "● running",
    "paused": "‖ paused",
    "finished": "✓ finished",
    "failed": "! failed",
    "diverged": "! diverged",
    "cancelled": "– cancelled",
    "interrupted": "! interrupted",
}


@dataclass(frozen=True)
class Standing:
    """One look at a run."""

    status: Status
    sentence: str
    share: float | None
    """How much is done, 0 to 1; None while nobody can tell."""
    seconds_left: float | None
    """An estimate from the pace so far."""

    @property
    def word(self) -> str:
        """The status with a sign, for tables."""
        return WORDS[self.status]

    @property
    def under_way(self) -> bool:
        """Whether something more will happen."""
        return self.status in UNDER_WAY


def look(run: Run) -> Standing:
    """Look at a run's events and lock once."""
    status, events = run.status(), run.events()
    done, total = _progress(events)
    share = done / total if total else None
    left = _seconds_left(events, done, total) if status == "running" else None
    match status:
        case "created":
            sentence = "The worker is starting. If nothing comes of it, press Resume."
        case "waiting":
            sentence = _tell_waiting(run, events)
        case "running":
            sentence = _tell_running(events, done, total, left)
        case "finished":
            share, sentence = 1.0, _tell_finished(run, events)
        case "cancelled":
            sentence = _tell_cancelled(run)
        case "paused":
            sentence = run.error() or "Paused."
        case _:
            sentence = run.error() or "It ended without a result."
    if status in RESUMABLE and run.kind == "tune":
        sentence += _tell_resume(run)
    return Standing(status=status, sentence=sentence, share=share, seconds_left=left)


def duration(seconds: float) -> str:
    """Seconds as people say them: "8 s", "3 min", "2 h 5 min"."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _progress(events: list[Event]) -> tuple[int, int]:
    for event in reversed(events):
        if event.kind == "step":
            return int(event["step"]), int(event["total"])
        if event.kind == "progress":
            return int(event["done"]), int(event["total"])
    return 0, 0


def _seconds_left(events: list[Event], done: int, total: int) -> float | None:
    counted = [event for event in events if event.kind in ("step", "progress")]
    if len(counted) < 2:
        return None
    if (told := counted[-1]["seconds_left"]) is not None:
        return float(told)  # the worker knows better: its kinds of work take different times
    first = counted[0]
    begun = int(first["step"] or first["done"] or 0)
    if done <= begun:
        return None
    return (counted[-1].at - first.at) / (done - begun) * (total - done)


def _tell_waiting(run: Run, events: list[Event]) -> str:
    if runs := events[-1]["runs"]:
        awaited = f"the {len(runs)} runs" if len(runs) > 1 else "the run"
        does = {"compare": "measures", "repair": "repairs", "tune": "goes on from"}[run.kind]
        return f"Waiting for {awaited} that it {does}."
    return "Waiting in line for the device; it starts by itself when the run before it ends."


def _tell_running(events: list[Event], done: int, total: int, left: float | None) -> str:
    last = next((event for event in reversed(events) if event.kind == "phase"), None)
    phase = str(last["name"]) if last else "starting"
    if not total:
        return f"{phase.capitalize()}."
    about = f", about {duration(left)} left" if left is not None else ""
    if any(event.kind == "progress" for event in events):
        return f"{phase.capitalize()}, {done / total:.0%}{about}."
    return f"{phase.capitalize()}, step {done} of {total}{about}."


def _tell_resume(run: Run) -> str:
    step = run.goes_on_from()
    return f" Resume goes on from step {step}." if step else ""


def _tell_cancelled(run: Run) -> str:
    if steps := run.checkpoints():
        listed = ", ".join(map(str, steps))
        return f"Cancelled; the adapters of step {listed} were kept, for chat and report."
    return "Cancelled; what was learned until then was not kept."


def _tell_finished(run: Run, events: list[Event]) -> str:
    working = next((event for event in events if event.kind == "phase"), events[0])
    seconds = events[-1].at - working.at
    if run.kind == "compare":
        return f"Measured in {duration(seconds)}."
    if run.kind == "repair":
        return f"Repaired in {duration(seconds)}: {run.summary()}, rank {events[-1]['rank']}."
    speed = events[-1]["tokens_per_second"]
    pace = f", {speed:,.0f} tokens per second" if speed else ""
    kept = events[-1]["kept_step"]
    best = f" The result is step {kept}, the best by held-out loss." if kept is not None else ""
    return f"Finished: {events[-1]['steps']} steps in {duration(seconds)}{pace}.{best}"
