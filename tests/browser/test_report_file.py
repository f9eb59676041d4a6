"""The report as one file in a real browser: nothing runs, nothing loads, nothing is cut off."""

from pathlib import Path
from typing import Any

import pytest
from made_home import make_home

from studio import Studio
from studio.measure import keepsake

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("document")
    with Studio(folder / "home") as studio:
        made = make_home(studio)
        report = studio.report(made.measured.id)
    return keepsake.write(report, made.measured, folder / "report.html", "html")


def open_page(browser: Any, file: Path, **options: Any) -> tuple[Any, list[str], list[str]]:
    """The page, what it asked for besides itself, and what went wrong in it."""
    page = browser.new_page(**options)
    requests: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text))
    page.on("dialog", lambda dialog: errors.append(dialog.message))
    page.goto(file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    page.wait_for_timeout(200)
    return page, requests, errors


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_document_shows_everything_and_loads_nothing(
    browser: Any, file: Path, scheme: str, width: int
) -> None:
    size = {"width": width, "height": 900}
    page, requests, errors = open_page(browser, file, viewport=size, color_scheme=scheme)
    assert requests == [file.as_uri()]
    assert errors == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("script, img, iframe").count() == 0
    assert page.locator("figure svg").count() >= 5
    page.close()


def test_words_of_pictures_and_page_can_be_read_in_both_schemes(browser: Any, file: Path) -> None:
    """Contrast of 4.5 and more between text and what lies behind it (WCAG AA)."""
    for scheme in ("light", "dark"):
        page, *_ = open_page(browser, file, color_scheme=scheme)
        poor = page.evaluate(CONTRAST)
        assert poor == [], scheme
        page.close()


def test_the_document_works_without_any_script_switched_on(browser: Any, file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    first = page.locator("details").first
    first.locator("summary").first.click()
    assert first.get_attribute("open") is not None
    context.close()


CONTRAST = """() => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let one = element; one; one = one.parentElement) {
      const color = parse(getComputedStyle(one).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const one of document.querySelectorAll("p, td, th, dd, dt, h1, h2, h3, summary, .chip, " +
      "small, figcaption, pre, text, li, a, .role")) {
    if (!one.textContent.trim()) continue;
    const style = getComputedStyle(one);
    const color = parse(one.tagName === "text" ? style.fill : style.color);
    const [a, b] = [light(color), light(behind(one))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push([one.tagName, one.textContent.slice(0, 30), ratio.toFixed(2)]);
  }
  return poor.slice(0, 10);
}"""
