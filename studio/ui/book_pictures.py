"""How a workbook's examples are spread: over answers, over languages, over lengths in tokens."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise

from studio.chat.wording import shorten
from studio.data.token_lengths import Length
from studio.ui.markup import empty, quiet

WIDTH, HEIGHT = 640, 150
BINS = 32
TEXTS = "The answers are texts, hardly any of them twice; there is nothing to balance."
UNCERTAIN = "too short to tell"


def draw_balance(answers: Sequence[tuple[str, int, int]]) -> str:
    """Each answer as a bar, what is learned and what is held out beside each other."""
    if not answers:
        return quiet(TEXTS)
    most = max(learned + kept for _, learned, kept in answers)
    bars = "".join(
        _bar(
            shorten(answer, 60) or "(empty)",
            [("learned", learned / most), ("kept", kept / most)],
            f"{learned:,} + {kept:,}",
        )
        for answer, learned, kept in answers
    )
    legend = quiet("Examples to learn from + held out.")
    return f'<div class="st-bars">{bars}</div>{legend}'


def draw_languages(languages: Mapping[str, int]) -> str:
    """Each language as a bar."""
    total = sum(languages.values())
    if not total:
        return ""
    bars = "".join(
        _bar(code or UNCERTAIN, [("learned", count / total)], _share(count / total))
        for code, count in Counter(languages).most_common(8)
    )
    return f'<div class="st-bars">{bars}</div>{quiet(f"Of {total:,} prompts looked at.")}'


def draw_lengths(lengths: Sequence[Length], *, max_length: int, total: int) -> str:
    """A histogram of prompt and answer together, with the line behind which training cuts.

    `lengths` are those of the examples looked at, `total` is how many there are.
    """
    if not lengths:
        return empty("No example yet.")
    sizes = sorted(one.whole for one in lengths)
    longer = sum(size > max_length for size in sizes)
    lost = sum(one.prompt >= max_length for one in lengths)
    # A few very long examples would press all others into one bar.
    end = max(min(sizes[-1], 2 * max_length, 4 * _at(sizes, 0.95)), 8)
    told = (
        f"Half of the examples have at most {_at(sizes, 0.5):,} tokens, nineteen of twenty at most "
        f"{_at(sizes, 0.95):,}; the longest has {sizes[-1]:,}."
    )
    cut = f" {longer:,} of {len(sizes):,} are longer than {max_length:,} and lose their end." * (
        longer > 0
    )
    cut += f" In {lost:,} of them nothing would be learned." * (lost > 0)
    some = f" {len(sizes):,} of {total:,} examples were counted." * (len(sizes) < total)
    picture = _histogram(sizes, end, max_length, told + cut)
    sign = "! " if longer else ""
    return f"{picture}<p>{sign}{escape(told + cut)}</p>" + (quiet(some.strip()) if some else "")


def _share(share: float) -> str:
    return f"{share:.0%}" if share >= 0.005 else "under 1%"


def _bar(label: str, shares: Sequence[tuple[str, float]], amount: str) -> str:
    parts = "".join(f'<i class="{kind}" style="width:{100 * share:.1f}%"></i>'
                    for kind, share in shares)  # fmt: skip
    return (
        f'<div class="st-bar-line"><span>{escape(label)}</span>'
        f'<span class="st-bar-room" aria-hidden="true">{parts}</span><b>{amount}</b></div>'
    )


def _histogram(sizes: Sequence[int], end: int, max_length: int, about: str) -> str:
    edges = [end * place / BINS for place in range(BINS + 1)]
    counts = [sum(low < size <= high for size in sizes) for low, high in pairwise(edges)]
    counts[-1] += sum(size > end for size in sizes)
    tallest, wide = max(counts), WIDTH / BINS
    bars = "".join(
        f'<rect x="{place * wide + 1:.1f}" y="{HEIGHT - tall:.1f}" width="{wide - 2:.1f}" '
        f'height="{tall:.1f}"/>'
        for place, tall in enumerate(HEIGHT * count / tallest for count in counts)
        if tall
    )
    at = min(max_length / end, 1) * WIDTH
    anchor = "end" if at > WIDTH / 2 else "start"
    line = (
        f'<line x1="{at:.1f}" x2="{at:.1f}" y1="0" y2="{HEIGHT}"/>'
        f'<text x="{at + (-6 if anchor == "end" else 6):.1f}" y="12" text-anchor="{anchor}">'
        f"max_length {max_length:,}{' →' if max_length > end else ''}</text>"
    )
    more = "+" if sizes[-1] > end else ""
    ticks = (
        f'<text x="0" y="{HEIGHT + 16}">0 tokens</text>'
        f'<text x="{WIDTH}" y="{HEIGHT + 16}" text-anchor="end">{end:,}{more}</text>'
    )
    return (
        f'<svg class="st-lengths" viewBox="0 0 {WIDTH} {HEIGHT + 20}" role="img" '
        f'aria-label="{escape(about)}">{bars}{line}{ticks}</svg>'
    )


def _at(ordered: Sequence[int], share: float) -> int:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
