"""What the votes of an arena say, in sentences; the page and the command line tell the same."""

from studio.chat.arena import Arena
from studio.chat.score import DeckScore, Judge, PairScore, Score, Share
from studio.measure.numerals import counted, signed
from studio.measure.preference import FEWEST_DECISIVE
from studio.measure.statistics import Interval

QUESTIONS = {"task": " – was something gained?", "retention": " – was something lost?", "own": ""}


def tell_pair(arena: Arena, pair: PairScore) -> str:
    """Who is preferred on a deck, how surely, and what is still needed to know."""
    one, other = arena.title_of(pair.one), arena.title_of(pair.other)
    if pair.rate is None or pair.interval is None:
        return f"{one} against {other}: no vote counts yet."
    if pair.preferred:
        worse = other if pair.preferred == pair.one else one
        verdict = f"{arena.title_of(pair.preferred)} is preferred to {worse}."
    elif pair.decisive < FEWEST_DECISIVE:
        so_far = counted(pair.decisive, "decisive vote")
        verdict = (
            f"Nothing is claimed about {one} against {other} from {so_far}: a claim takes "
            f"{FEWEST_DECISIVE}."
        )
    else:
        verdict = f"No preference is shown between {one} and {other}."
    return f"{verdict} {_tell_rate(one, pair)} {_tell_needed(pair)}".strip()


def tell_share(share: Share) -> str:
    """So many of so many, with the interval."""
    if share.share is None or share.interval is None:
        return "none yet"
    return f"{share.count} of {share.of} ({percent(share.share)}, {between(share.interval)})"


def tell_judge(judge: Judge) -> list[str]:
    """How reliable the votes are, a sentence each."""
    told = []
    if judge.left.of:
        warning = (
            " That is more than chance: the side sways the votes." if judge.left_is_biased else ""
        )
        told.append(f"The answer on the left was chosen in {tell_share(judge.left)}.{warning}")
    if judge.repeated.of:
        told.append(f"Asked again with the sides changed, the verdict was the same in "
                    f"{tell_share(judge.repeated)}.")  # fmt: skip
    if judge.caught.of:
        told.append(f"Of two answers by one and the same lane, one was called better in "
                    f"{tell_share(judge.caught)}.")  # fmt: skip
    if judge.void:
        count = counted(judge.void, "vote is", "votes are")
        told.append(f"{count} void, because an answer named its lane.")
    return told


def tell_deck(deck: DeckScore) -> str:
    """The deck, and what its score is to tell."""
    return deck.title + QUESTIONS[deck.kind]


def tell(arena: Arena, score: Score) -> str:
    """Everything as plain text, for a terminal."""
    lines = []
    for deck in score.decks:
        lines += [tell_deck(deck), *(f"  {tell_pair(arena, pair)}" for pair in deck.pairs)]
        if deck.both_bad.of:
            lines.append(f"  Both answers were bad in {tell_share(deck.both_bad)}.")
        lines += [f"  {tell_place(arena, deck, place)}" for place in range(len(deck.ranking))]
    return "\n".join([*lines, *tell_judge(score.judge)])


def tell_place(arena: Arena, deck: DeckScore, place: int) -> str:
    """A lane's points by Bradley and Terry's model."""
    rank = deck.ranking[place]
    name = arena.title_of(rank.lane)
    if not place:
        return f"{name}: 0 points, from which the others count; 400 are odds of ten to one."
    reach = (
        f"95 %: {signed(rank.interval[0], 0)} to {signed(rank.interval[1], 0)}"
        if rank.interval
        else "too few prompts for an interval"
    )
    return f"{name}: {signed(rank.points, 0)} points ({reach})."


def percent(share: float) -> str:
    """A share as a person reads it."""
    return f"{100 * share:.0f} %"


def between(interval: Interval) -> str:
    """An interval of shares."""
    return f"95 %: {100 * interval[0]:.0f} to {100 * interval[1]:.0f} %"


def _tell_rate(one: str, pair: PairScore) -> str:
    assert pair.rate is not None
    assert pair.interval is not None
    halves = f", {pair.ties + pair.bad} neither" if pair.ties + pair.bad else ""
    halves += f", {pair.same} of these the same words" if pair.same else ""
    told = (
        f"{one} won {percent(pair.rate)} of {counted(pair.n, 'vote')} "
        f"({between(pair.interval)}; {pair.wins} won, {pair.losses} lost{halves})"
    )
    if pair.adjusted is None:
        return f"{told}."
    adjusted = f"{percent(pair.adjusted.rate)} ({between(pair.adjusted.interval)})"
    return f"{told}, and at equal lengths of both answers {adjusted}."


def _tell_needed(pair: PairScore) -> str:
    if pair.preferred:
        return ""
    if pair.still_needed is None and pair.decisive < FEWEST_DECISIVE:
        return ""
    if pair.still_needed is None:
        return "At this rate, even thousands of votes would hardly show one."
    if pair.still_needed == 0:
        return "The planned votes should be enough to tell." if not pair.finished else ""
    more = f"About {counted(pair.still_needed, 'more vote')}"
    if pair.n + pair.still_needed > pair.planned:
        return f"{more} at this rate would probably tell: more than were planned here."
    return f"{more} at this rate would probably tell."
