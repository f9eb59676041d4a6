"""Names, places and numbers of offices in English texts, found by Presidio where it is installed.

    pip install presidio-analyzer

It is no requirement: without it nothing is found here. Names and places need a spaCy model beside
it, such as en_core_web_sm; without one it finds what has a form. Nothing is ever downloaded.
"""

import importlib.util
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

KINDS = {
    "PERSON": "name",
    "LOCATION": "place",
    "US_SSN": "social security number",
    "US_ITIN": "tax number",
    "US_PASSPORT": "passport",
    "UK_NHS": "health number",
    "UK_NINO": "social security number",
    "CRYPTO": "wallet",
}
"""What is looked for beside what `studio.data.personal` finds by itself, and how people call it."""
CERTAIN = 0.5
"""Of Presidio's scores from 0 to 1: a number without a word that tells what it is has less."""
MODELS = ("en_core_web_lg", "en_core_web_md", "en_core_web_sm")

Analyze = Callable[[str], list[Any]]


def search(text: str) -> Iterator[tuple[str, int, int]]:
    """Kind, start and end of every piece; none where Presidio is not installed."""
    analyze = _load()
    if analyze is None:
        return
    for found in analyze(text):
        yield KINDS[found.entity_type], found.start, found.end


@lru_cache(maxsize=1)
def _load() -> Analyze | None:
    """The analyzer, which takes seconds to load, or None if it is not there."""
    if importlib.util.find_spec("presidio_analyzer") is None:
        return None
    import spacy
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    model = next((name for name in MODELS if spacy.util.is_package(name)), None)
    language = SpacyNlpEngine()
    # Given here it is not loaded by name, which would download what is missing.
    language.nlp = {"en": spacy.load(model) if model else spacy.blank("en")}
    engine = AnalyzerEngine(nlp_engine=language, supported_languages=["en"])
    kinds = sorted(KINDS.keys() & set(engine.get_supported_entities("en")))

    def analyze(text: str) -> list[Any]:
        return list(
            engine.analyze(text=text, language="en", entities=kinds, score_threshold=CERTAIN)
        )

    return analyze
