"""Presidio is asked where it is installed, and missed nowhere."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.data import presidio
from studio.data.personal import find_personal, mask

TEXT = "Ann Lee wrote from ann@example.org on Monday."

# What is used of presidio-analyzer and spaCy, finding names by two capitals in a row.
ANALYZER = """
import re
from types import SimpleNamespace

class AnalyzerEngine:
    def __init__(self, nlp_engine, supported_languages):
        assert nlp_engine.nlp["en"] == "a blank model"

    def get_supported_entities(self, language):
        return ["PERSON", "EMAIL_ADDRESS", "DATE_TIME"]

    def analyze(self, text, language, entities, score_threshold):
        assert entities == ["PERSON"]
        return [SimpleNamespace(entity_type="PERSON", start=found.start(), end=found.end())
                for found in re.finditer(r"[A-Z][a-z]+ [A-Z][a-z]+|ann@", text)]
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Packages of those names, as if they were installed."""
    (tmp_path / "presidio_analyzer").mkdir()
    (tmp_path / "presidio_analyzer" / "__init__.py").write_text(ANALYZER)
    engine = "class SpacyNlpEngine:\n    nlp = None\n"
    (tmp_path / "presidio_analyzer" / "nlp_engine.py").write_text(engine)
    (tmp_path / "spacy.py").write_text(
        "class util:\n    is_package = staticmethod(lambda name: False)\n\n\n"
        "def blank(language):\n    return 'a blank model'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    presidio._load.cache_clear()
    yield
    presidio._load.cache_clear()
    for name in ("presidio_analyzer", "presidio_analyzer.nlp_engine", "spacy"):
        sys.modules.pop(name, None)


def test_names_are_found_and_masked_beside_what_is_found_anyway(installed: None) -> None:
    assert [one.kind for one in find_personal(TEXT)] == ["name", "e-mail"]
    assert mask(TEXT) == "[name] wrote from [e-mail] on Monday."


@pytest.mark.skipif(presidio._load() is not None, reason="Presidio is installed")
def test_without_it_names_stay_and_nothing_is_missed() -> None:
    assert mask(TEXT) == "Ann Lee wrote from [e-mail] on Monday."
