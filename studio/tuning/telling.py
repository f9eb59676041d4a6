"""The facts that advice rests on, in words and numbers, for the page and the command line."""

from studio.tuning.advisor import Advice
from studio.tuning.fitting import size
from studio.tuning.signals import SHOTS, Answers
from studio.tuning.table import Likeness, Size

SIZES: dict[Size, str] = {
    "tiny": "fewer than 50 examples",
    "small": "50 to 500 examples",
    "medium": "500 to 10,000 examples",
    "large": "10,000 to 200,000 examples",
    "huge": "more than 200,000 examples",
}
LIKENESSES: dict[Likeness, str] = {
    "similar": "near to what the base says already",
    "medium": "somewhat unlike what the base says",
    "far": "far from what the base says",
}


def summarize(advice: Advice) -> str:
    """The advice in a sentence: what was found, and what follows."""
    found = advice.signals
    return (
        f"{found.train:,} examples with {found.answer_tokens:,} answer tokens, "
        f"{LIKENESSES[advice.likeness]}; it answers {found.written.share:.0%} of the held-out "
        f"questions right as it is. So: {advice.best.title}."
    )


def facts(advice: Advice) -> list[tuple[str, str, str]]:
    """Everything measured: its name, its value, and what it means."""
    found, has = advice.signals, advice.machine
    rows = [
        ("Examples", f"{found.train:,}", SIZES[advice.size] + _repeated(advice)),
        ("Answer tokens", f"{found.answer_tokens:,}",
         f"to be held; the longest example has {found.longest:,} tokens"),
        ("Surprise at the answers", f"{found.loss:.2f}", "nats per token"),
    ]  # fmt: skip
    if found.own_loss is not None:
        rows.append(
            ("Surprise at its own", f"{found.own_loss:.2f}",
             f"nats per token; similarity {found.similarity:.2f}: {LIKENESSES[advice.likeness]}")
        )  # fmt: skip
    rows.append(("Surprising tokens", f"{found.surprising:.0%}", "less likely than 1 in 2.5"))
    rows.append(("Right as it is", _share(found.written), "of held-out questions, in own words"))
    if found.chosen and found.chance is not None:
        rows.append(("Right among the listed", _share(found.chosen),
                     f"by likelihood; guessing gets {found.chance:.0%}"))  # fmt: skip
    if found.few_shot_gain is not None:
        taught = found.written_few_shot
        right = f"; then {_share(taught)} right" if taught else ""
        change = f"{-found.few_shot_gain:+.2f}".replace("-", "−")
        meaning = f"nats per token of surprise{right}"
        rows.append((f"Behind {SHOTS} solved ones", change, meaning))
    rows.append(("This machine", has.name, f"{size(has.free)} of {size(has.memory)} free"))
    rows.append(("Measured in", f"{found.seconds:.0f} s", f"on {found.sampled} examples"))
    return rows


def _repeated(advice: Advice) -> str:
    count = advice.signals.repeated
    return f", {count:,} of them repeated" if count else ", none repeated"


def _share(answers: Answers | None) -> str:
    return f"{answers.share:.0%} of {answers.n}" if answers and answers.n else "none asked"
