"""The Report tab in a real browser: the plane, strengths, flips, and what its buttons start."""

from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest
from made_report import Made, make_report_home

from browser.typed import put
from studio import Studio

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.browser
expect = playwright.expect


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Made]:
    """A home with a measurement of made-up answers."""
    home = tmp_path_factory.mktemp("home")
    with Studio(home) as studio:
        return home, make_report_home(studio)


@pytest.fixture(scope="module")
def address(serve: Callable[[Path], "Server"], made: tuple[Path, Made]) -> str:  # noqa: F821
    """A real server process over that home."""
    return serve(made[0]).address


def open_report(
    browser: "playwright.Browser", address: str, width: int = 1280
) -> tuple["playwright.Page", list[str]]:
    """The Report tab in a fresh profile, and the list of what the console complains about."""
    page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.goto(address)
    expect(page.locator("#run-demo")).to_be_visible()
    page.get_by_role("tab", name="Report", exact=True).first.click()
    return page, complaints


def unfold(page: "playwright.Page", part: str) -> None:
    page.locator(f"#{part} button.label-wrap").first.click()


def test_the_summary_comes_first_and_the_details_are_folded(
    browser: "playwright.Browser", address: str
) -> None:
    page, complaints = open_report(browser, address, 390)
    expect(page.locator("#headlines")).to_contain_text("Plain")
    expect(page.locator("#plane .main-svg").first).to_be_visible()
    expect(page.locator("#findings")).to_contain_text("Capitals")
    expect(page.locator("#cases")).to_be_hidden()
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollHeight") < 4500
    assert complaints == []


def test_a_click_on_a_point_of_the_plane_opens_its_lane(
    browser: "playwright.Browser", address: str
) -> None:
    page, complaints = open_report(browser, address)
    lane = page.locator("#report-lane input")
    expect(lane).to_have_value("Plain")
    points = page.locator("#plane .scatterlayer .points path")
    expect(points.first).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 1800})  # the mouse reaches only what is seen
    page.wait_for_timeout(500)
    names = set()
    for number in range(points.count()):
        box = points.nth(number).bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_timeout(150)
        told = page.locator("#plane .hoverlayer").text_content() or ""
        if "n = 120" not in told:
            continue
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        name = told.partition("gained")[0]
        expect(lane).to_have_value(name)
        names.add(name)
    assert {"Plain at strength 0.5", "Plain after step 20", "Keeping"} <= names
    assert complaints == []


def test_the_best_strength_inside_the_budget_is_marked(
    browser: "playwright.Browser", address: str
) -> None:
    page, complaints = open_report(browser, address)
    expect(page.locator("#report-lane input")).to_have_value("Plain")
    unfold(page, "part-strength")
    words = page.locator("#strength-words")
    expect(words).to_contain_text("Strength 0.5 gains most")
    expect(page.locator("#kept-strength input")).to_have_value("0.5")
    expect(page.locator("#strength-curve")).to_contain_text("best inside: ×0.5")
    put(page.locator("#budget input"), "10")
    expect(words).to_contain_text("Strength 0.75 gains most")
    page.get_by_label("Nats per token").check()
    expect(page.locator("#budget input")).to_have_value("0.05")
    expect(words).to_contain_text("nats per token")
    assert complaints == []


def test_a_cell_of_the_flip_matrix_lists_its_cases_with_their_tokens(
    browser: "playwright.Browser", address: str
) -> None:
    page, complaints = open_report(browser, address)
    expect(page.locator("#report-lane input")).to_have_value("Plain")
    unfold(page, "part-cases")
    expect(page.locator("#case-flip")).to_contain_text("72 ·")
    expect(page.locator("#cases")).to_contain_text("Cases 1 to 6 of 72")
    first = page.locator("#cases .st-case").first
    expect(first).to_contain_text("Question 119?")
    expect(first.locator(".st-tok").first).to_have_attribute("title", "log p −0.10 under the "
        "base, −3.19 tuned: −3.09 nats")  # fmt: skip
    page.locator("#case-ahead").click()
    expect(page.locator("#cases")).to_contain_text("Cases 7 to 12 of 72")
    page.locator("#case-flip label").first.click()
    expect(page.locator("#cases")).to_contain_text("of 460")
    page.locator("#case-flip input").nth(1).press("Space")
    expect(page.locator("#cases")).to_contain_text("Cases 1 to 6 of 72")
    assert complaints == []


def test_other_margins_judge_at_once_and_skills_are_filtered(
    browser: "playwright.Browser", address: str
) -> None:
    page, complaints = open_report(browser, address)
    found = page.locator("#findings")
    expect(found).to_contain_text("▼ forgotten")
    page.locator("#family-filter").get_by_label("All").check()
    expect(found).to_contain_text("Numbers")
    found.locator("summary", has_text="Capitals").click()
    expect(found.locator("dl").first).to_be_hidden()
    expect(found).to_contain_text("Smallest drop it could show")
    unfold(page, "part-method")
    unfold(page, "part-deeper")
    expect(page.locator("#margin input")).to_have_value("1")
    for name, bound in (("margin", "40"), ("nll-margin", "3")):
        put(page.locator(f"#{name} input"), bound)
    page.locator("#judge").click()
    expect(page.locator("#method")).to_contain_text("40 points")
    page.locator("#report-lane input").click()
    page.get_by_role("option", name="Plain at strength 0.75").click()
    expect(found).not_to_contain_text("▼ forgotten")
    assert complaints == []


def test_every_form_of_the_report_can_be_taken_away(
    browser: "playwright.Browser", address: str
) -> None:
    page, complaints = open_report(browser, address)
    expect(page.locator("#headlines")).to_contain_text("Plain")
    holds = {"html": "<!doctype html>", "markdown": "What was gained", "json": '"deltas"',
             "csv": "lane,probe,case"}  # fmt: skip
    for form, text in holds.items():
        with page.expect_download(timeout=60_000) as download:
            page.locator(f"#as-{form}").click()
        content = Path(download.value.path()).read_text(encoding="utf-8")
        assert text in content.casefold() or text in content
    assert complaints == []


@pytest.fixture(scope="module")
def unfolded(browser: "playwright.Browser", address: str) -> tuple["playwright.Page", list[str]]:
    """A report with all its parts open that is only looked at, and what the console says."""
    page, complaints = open_report(browser, address)
    expect(page.locator("#findings")).to_contain_text("Capitals")
    for part in ("strength", "repair", "cases", "hidden", "journey", "deeper", "drift", "method"):
        unfold(page, f"part-{part}")
    expect(page.locator("#drift")).to_contain_text("Layer")
    return page, complaints


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1024, 1440])
def test_nothing_is_cut_when_everything_is_unfolded(
    unfolded: tuple["playwright.Page", list[str]], width: int, scheme: str
) -> None:
    page, complaints = unfolded
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.wait_for_timeout(1500)
    over = page.evaluate(
        """() => [...document.querySelectorAll('#report-body *')]
            .filter(e => e.getBoundingClientRect().right > innerWidth + 1
                && !e.closest('.st-scroll, [aria-hidden], .hoverlayer, table'))
            .map(e => e.outerHTML.slice(0, 120))"""
    )
    assert over == []
    assert complaints == []


@pytest.mark.slow
def test_measuring_more_and_repairing_start_from_a_button(
    browser: "playwright.Browser",
    serve: Callable[[Path], "Server"],  # noqa: F821
    tmp_path: Path,
) -> None:
    with Studio(tmp_path) as studio:
        dataset = studio.build("sentiment", limit=60).id
        recipe = studio.preset("learn", dataset=dataset)
        run = studio.train(
            recipe.model_copy(update={"max_steps": 3, "batch_size": 4, "name": "Short"})
        )
        studio.wait(run)
        measured = studio.compare([run.id], limit=2, probes=["starter-capitals"])
        studio.wait(measured)
    page, complaints = open_report(browser, serve(tmp_path).address)
    expect(page.locator("#headlines")).to_contain_text("n = 2")

    unfold(page, "part-deeper")
    expect(page.locator("#needed")).to_contain_text("At most 2 cases")
    put(page.locator("#more-limit input"), "4")
    page.locator("#measure-more").click()
    expect(page.locator("#headlines")).to_contain_text("n = 4")

    unfold(page, "part-strength")
    strength = page.locator("#kept-strength input")
    expect(strength).to_have_value("1")
    put(strength, "0.5")
    page.locator("#keep-strength").click()
    expect(page.locator("#report-state")).to_contain_text("Short")
    expect(page.locator("#headlines")).to_contain_text("at strength 0.5")
    expect(page.locator("#headlines .st-lane")).to_have_count(2)
    page.locator("#measure-strengths").click()
    expect(page.locator("#headlines")).to_contain_text("at strength 1.25")
    expect(page.locator("#strength-curve .main-svg").first).to_be_visible()

    unfold(page, "part-repair")
    expect(page.locator("#repair-average")).to_be_visible()
    page.wait_for_timeout(1000)  # the menus are filled with the words above them
    unfold(page, "options-average")
    page.locator("#repair-average-lanes input").click()
    page.get_by_role("option", name="its step 1").click()
    expect(page.locator("#repair-average-lanes .token")).to_have_count(1)
    page.locator("#repair-average").click()
    expect(page.locator("#headlines")).to_contain_text("average of 2")
    page.locator("#report-lane input").click()
    page.get_by_role("option", name="average of 2").click()
    with page.expect_download(timeout=60_000) as download:
        page.locator("#as-zip").click()
    with ZipFile(download.value.path()) as archive:
        names = {Path(name).name for name in archive.namelist()}
    assert {"adapter_model.safetensors", "README.md", "report.html"} <= names
    assert complaints == []
