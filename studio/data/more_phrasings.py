"""More ways of asking made of a template's own, by a few rules; each is proposed, none is taken."""

import re
from collections.abc import Callable, Iterator

from studio.data.template import Template
from studio.data.template_parts import Phrasing

MOST = 40
QUESTION = frozenset(
    re.findall(
        r"\w+",
        "what which who whom whose when where why how is are was were do does did can could will"
        " would should has have",
    )
)

_ASK_THEN_TEXT = re.compile(r"\s*(?P<ask>[^{}]+?)\s*(?P<gap>\{\{[^{}]+\}\})\s*", re.DOTALL)
_TEXT_THEN_ASK = re.compile(r"\s*(?P<gap>\{\{[^{}]+\}\})\s*(?P<ask>[^{}]+?)\s*", re.DOTALL)
_NAMED = re.compile(r"^(text|review|sentence|question|input|message|article|title)$", re.IGNORECASE)


def propose_phrasings(template: Template) -> list[Phrasing]:
    """Phrasings that the template has not; each name says which rule made it of which phrasing."""
    known = {_plain(phrasing.prompt) for phrasing in template.phrasings}
    found = []
    for how, prompt, answer in _all(template):
        if _plain(prompt) not in known:
            known.add(_plain(prompt))
            found.append(Phrasing(prompt=prompt, answer=answer, name=f"made: {how}"))
    return found[:MOST]


def _all(template: Template) -> Iterator[tuple[str, str, str | None]]:
    for number, phrasing in enumerate(template.phrasings, start=1):
        prompt = phrasing.prompt.strip()
        for how, rule in RULES.items():
            if how in WORDED and template.language != "en":
                continue
            made = rule(template, prompt)
            if made is not None:
                yield f"{how}, of phrasing {number}", made, phrasing.answer


def _text_first(template: Template, prompt: str) -> str | None:
    """What is asked after the text, where it stood before it."""
    found = _ASK_THEN_TEXT.fullmatch(prompt)
    if not found or _NAMED.match(_bare(found["ask"])):
        return None
    return f"{found['gap']}\n\n{_sentence(found['ask'])}"


def _text_last(template: Template, prompt: str) -> str | None:
    """What is asked before the text, where it stood after it."""
    found = _TEXT_THEN_ASK.fullmatch(prompt)
    if not found or len(found["ask"].split()) < 2:
        return None
    return f"{_sentence(found['ask'])}\n\n{found['gap']}"


def _described(template: Template, prompt: str) -> str | None:
    """The template's description, if it tells the model what to do, before the text alone."""
    found = _ASK_THEN_TEXT.fullmatch(prompt) or _TEXT_THEN_ASK.fullmatch(prompt)
    description = " ".join(template.description.split())
    if not found or not description or "{" in description:
        return None
    return f"{description}\n\n{found['gap']}"


def _choices_named(template: Template, prompt: str) -> str | None:
    """The possible answers listed after the question, where it does not name them."""
    choices = template.answer_choices
    if not choices or "answer_choices" in prompt:
        return None
    if not isinstance(choices, str) and all(one.lower() in prompt.lower() for one in choices):
        return None
    return f"{prompt}\n\nAnswer with one of these: {{{{ answer_choices | join(', ') }}}}."


def _polite(template: Template, prompt: str) -> str | None:
    """A polite beginning for what is not a question."""
    found = _ASK_THEN_TEXT.fullmatch(prompt)
    ask = found["ask"] if found else ""
    first = ask.split(" ", 1)[0].casefold()
    if len(ask.split()) < 3 or first in QUESTION | {"please"} or "?" in ask or "." in ask[:-1]:
        return None
    return f"Please {_lower_first(prompt)}" if _is_order(ask) else None


def _laid_out(template: Template, prompt: str) -> str | None:
    """Task and text under headings of their own."""
    found = _ASK_THEN_TEXT.fullmatch(prompt) or _TEXT_THEN_ASK.fullmatch(prompt)
    if not found or _NAMED.match(_bare(found["ask"])):
        return None
    return f"Task: {_sentence(found['ask'])}\nText: {found['gap']}\nAnswer:"


RULES: dict[str, Callable[[Template, str], str | None]] = {
    "text first": _text_first,
    "text last": _text_last,
    "described": _described,
    "choices named": _choices_named,
    "polite": _polite,
    "laid out": _laid_out,
}
"""The rules by name."""
WORDED = ("choices named", "polite", "laid out")
"""The rules that bring English words along."""

_ORDERS = frozenset(
    re.findall(
        r"\w+",
        "answer choose classify complete correct decide describe detect extract find give identify"
        " list make name pick put read rewrite say select shorten solve state summarise summarize"
        " tell translate turn write",
    )
)


def _is_order(ask: str) -> bool:
    return ask.split(" ", 1)[0].casefold() in _ORDERS


def _sentence(ask: str) -> str:
    """What is asked as a whole sentence."""
    bare = _bare(ask)
    if bare.endswith((".", "?", "!")):
        return bare
    return bare + ("?" if bare.split(" ", 1)[0].casefold() in QUESTION else ".")


def _bare(ask: str) -> str:
    return ask.strip().rstrip(":").strip()


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _plain(prompt: str) -> str:
    return " ".join(prompt.split()).casefold()
