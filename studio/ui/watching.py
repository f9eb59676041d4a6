"""What was seen of a run on its way: cards of pace, memory and old skills, and its answers."""

from collections.abc import Sequence
from html import escape

from studio.tuning.events import Event
from studio.tuning.fitting import size
from studio.tuning.run import Run
from studio.tuning.watching import Watched, watch
from studio.ui.markup import card, quiet, table
from studio.ui.standing import duration


def tell_watched(run: Run) -> list[str]:
    """Cards: how fast, how much memory, how long still, what is forgotten, over-fitting."""
    seen = watch(run.events())
    facts = _tell_pace(seen)
    if seen.last and seen.last["forgotten"] is not None:
        more = seen.last["forgotten"]
        facts.append(
            card("General text", f"{seen.last['retention']:.3f}",
                 f"Nats per token at step {seen.last['step']}, {more:+.3f} against the base; "
                 f"KL from the base {seen.last['kl']:.4f}.")
        )  # fmt: skip
    if seen.overfitting:
        facts.append(card("Over-fitting", "! held-out loss rises", seen.overfitting.sentence()))
    if (ended := run.last("finished")) and ended["kept_step"] is not None:
        loss = f"{ended['kept_heldout_loss']:.3f}"
        facts.append(
            card("Kept the best", f"step {ended['kept_step']}",
                 f"Of all looks within the forgetting budget the lowest held-out loss, {loss}.")
        )  # fmt: skip
    return facts


def _tell_pace(seen: Watched) -> list[str]:
    if seen.tokens_per_second is None:
        return []
    notes = []
    if seen.seconds_left:
        notes.append(f"About {duration(seen.seconds_left)} left.")
    if seen.memory:
        notes.append(f"{size(seen.memory)} of memory at most.")
    if seen.share is not None:
        notes.append(f"Looks on the way take {seen.share:.0%} of the time of the steps.")
    return [card("Pace", f"{seen.tokens_per_second:,.0f} tokens/s", *notes)]


def tell_answers(events: Sequence[Event]) -> str:
    """What was answered to the same few prompts, a column per look; empty before the first."""
    looks = watch(events).answers
    if not looks:
        return ""
    headers = ["Prompt", "Wanted", *(f"Step {event['step']}" for event in looks)]
    rows = []
    for number, asked in enumerate(looks[0]["said"]):
        said = [event["said"][number]["answer"] or "(nothing)" for event in looks]
        cells = [f"{asked['about']}: {asked['asked']}", asked["wanted"], *said]
        rows.append([escape(cell) for cell in cells])
    return quiet("The same prompts, answered on the way:") + table(headers, rows)
