"""Every button of the Tune tab is pressed: on the form, on the advice and race, on the runs."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from made_tune import TuneHome, make_tune_home

from browser.typed import put
from studio import Recipe, Studio
from studio.tuning.lock import locked
from studio.tuning.run import UNDER_WAY

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect = playwright.expect

LARGE = {
    "model_type": "llama", "hidden_size": 2048, "num_hidden_layers": 160, "vocab_size": 1024,
    "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 64,
}  # fmt: skip
"""The layers of a far larger model, but thin ones: a large batch of it fits nowhere."""


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A home whose device is taken all the time: what is started there waits in line."""
    home = tmp_path_factory.mktemp("home")
    with Studio(home) as opened, locked(home / "device.lock"):
        yield opened
        for run in opened.runs():
            if run.status() in UNDER_WAY:
                run.cancel()


@pytest.fixture(scope="module")
def made(studio: Studio) -> TuneHome:
    return make_tune_home(studio)


@pytest.fixture(scope="module")
def address(serve: Callable[[Path], "Server"], studio: Studio, made: TuneHome) -> str:  # noqa: F821
    return serve(studio.settings.home).address


@pytest.fixture
def page(browser: "playwright.Browser", address: str) -> "playwright.Page":
    """The Tune tab."""
    opened = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
    opened.goto(address)
    opened.get_by_role("tab", name="Tune", exact=True).first.click()
    expect(opened.locator("#as-command")).to_contain_text("--dataset")
    expect(opened.locator("#runs")).to_contain_text("Plain")
    return opened


def choose(page: "playwright.Page", name: str) -> None:
    """Click on the run's row."""
    page.locator("#runs [data-testid^='cell-']", has_text=name).first.click()
    expect(page.locator("#chosen-run input")).to_have_value(re.compile(f"^{re.escape(name)} · "))


def open_fold(page: "playwright.Page", fold: str) -> None:
    page.locator(f"#{fold} button.label-wrap").first.click()


def told(page: "playwright.Page", text: str) -> None:
    """The newest message says so."""
    expect(page.get_by_test_id("toast-body").last).to_contain_text(text)


def test_a_run_is_named_copied_compared_exported_and_deleted(
    page: "playwright.Page", studio: Studio, made: TuneHome
) -> None:
    choose(page, "Keeping")
    open_fold(page, "run-label")
    expect(page.locator("#run-title textarea, #run-title input")).to_have_value("Keeping")
    put(page.locator("#run-title textarea, #run-title input"), "Held to the base")
    put(page.locator("#run-note textarea"), "the one to keep")
    page.locator("#save-label").click()
    expect(page.locator("#runs")).to_contain_text("Held to the base")
    expect(page.locator("#runs")).to_contain_text("the one to keep")
    assert studio.run(made.keeping.id).note == "the one to keep"

    page.locator("#copy-run").click()
    expect(page.locator("#as-command")).to_contain_text("--kl-anchor 2")
    with page.expect_download() as download:
        page.locator("#plain-run").click()
    with ZipFile(download.value.path()) as archive:
        assert any(name.endswith("run.yaml") for name in archive.namelist())
    told(page, "Without the KL anchor to the base")

    open_fold(page, "compare-runs")
    for name in ("Held to the base", "Plain"):
        page.locator("#compared input").click()
        page.get_by_role("option").filter(has_text=name).first.click()
    expect(page.locator("#compared-table")).to_contain_text("KL anchor")
    expect(page.locator("#compared-curves .main-svg").first).to_be_visible()

    choose(page, "Too fast")
    page.locator("#delete-run").click()
    page.locator("#delete-keep").click()
    expect(page.locator("#delete-sure")).to_be_hidden()
    page.locator("#delete-run").click()
    page.locator("#delete-sure").click()
    expect(page.locator("#runs")).not_to_contain_text("Too fast")
    assert made.diverged.id not in [run.id for run in studio.runs()]


def test_a_sweep_waits_in_line_where_its_runs_are_moved_and_cancelled(
    page: "playwright.Page", studio: Studio
) -> None:
    open_fold(page, "sweep")
    put(page.locator("#sweep-rates textarea, #sweep-rates input"), "1e-4, fast")
    page.locator("#start-sweep").click()
    told(page, "are no learning rates")
    put(page.locator("#sweep-rates textarea, #sweep-rates input"), "1e-4, 3e-4")
    page.locator("#start-sweep").click()
    expect(page.locator("#runs")).to_contain_text("in line, 2 of 2")
    open_fold(page, "compare-runs")
    expect(page.locator("#compared-table")).to_contain_text("0.0003")
    low, high = (
        next(run for run in studio.runs() if run.title.endswith(f"rate {rate}"))
        for rate in ("0.0001", "0.0003")
    )
    expect(page.locator("#chosen-run input")).to_have_value(re.compile("rate 0.0001"))
    page.locator("#later").click()
    told(page, "It is number 2 of 2 in line")
    assert [run.id for run in studio.runs_in_line()] == [high.id, low.id]
    page.locator("#earlier").click()
    told(page, "It is number 1 of 2 in line")
    page.locator("#cancel-run").click()
    expect(page.locator("#about-run")).to_contain_text("cancelled")
    assert (low.status(), high.status()) == ("cancelled", "waiting")
    high.cancel()


def test_what_ran_out_of_memory_starts_again_lighter_and_is_measured(
    page: "playwright.Page", studio: Studio, made: TuneHome
) -> None:
    choose(page, "Too large")
    expect(page.locator("#about-run")).to_contain_text("The memory is full")
    page.locator("#start-lighter").click()
    expect(page.locator("#runs")).to_contain_text("in line")
    lighter = studio.runs()[0]
    assert lighter.recipe.batch_size < made.failed.recipe.batch_size
    choose(page, "Plain")
    page.locator("#measure-run").click()
    expect(page.locator("#report-state")).to_be_visible()
    assert studio.runs()[0].comparison.lanes[0].run == made.plain.id


def test_the_advice_fills_the_form_and_its_race_is_held_stopped_and_tidied(
    page: "playwright.Page", studio: Studio, made: TuneHome
) -> None:
    page.locator("#advise").click()
    expect(page.locator("#advised")).to_contain_text("32 examples")
    page.locator("#advice-option label").nth(1).click()
    expect(page.locator("#advice-why")).to_contain_text("Learning rate")
    page.locator("#advice-fill").click()
    expect(page.get_by_text("As advised: ")).to_be_visible()
    page.locator("#advise-again").click()
    expect(page.locator("#advised")).to_contain_text("Waiting in line")
    page.locator("#advise-stop").click()
    expect(page.locator("#advised")).to_contain_text("32 examples")
    expect(page.locator("#advise-stop")).to_be_hidden()

    expect(page.locator("#raced")).to_contain_text("★ winner")
    page.locator("#race-fill").click()
    expect(page.get_by_text("The winner of the race: Rank 32.")).to_be_visible()
    expect(page.locator("#as-command")).to_contain_text("--rank 32")
    page.locator("#race-keep").click()
    told(page, "Deleted 1 of 2 trials")
    assert made.race.entrants[1].run not in [run.id for run in studio.runs()]
    page.locator("#race").click()
    expect(page.locator("#raced")).to_contain_text("Waiting in line")
    page.locator("#race-stop").click()
    expect(page.locator("#raced")).to_contain_text("cancelled")
    expect(page.locator("#race-stop")).to_be_hidden()
    newest = studio.races(made.dataset)[0]
    assert {studio.run(one.run).status() for one in newest.entrants} == {"cancelled"}

    open_fold(page, "rank-prompts-fold")
    page.locator("#rank-prompts").click()
    told(page, "There is no finished soft prompt of starter yet")


def test_a_recipe_that_cannot_fit_is_made_to(page: "playwright.Page", tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LARGE))
    put(page.locator("#recipe-base input"), str(tmp_path))
    open_fold(page, "advanced")
    put(page.locator("#recipe-kl_anchor input"), "0")  # what an anchor takes no batch makes less
    put(page.locator("#recipe-batch_size input"), "1024")
    expect(page.locator("#estimate")).to_contain_text("Does not fit")
    page.locator("#start-anyway").click()
    told(page, "has no safetensors weights")
    page.locator("#fill-fitting").click()
    expect(page.get_by_text("So that it fits: batch_size")).to_be_visible()
    expect(page.locator("#estimate")).not_to_contain_text("Does not fit")
    expect(page.locator("#as-command")).not_to_contain_text("--batch-size 1024")


def test_a_run_is_paused_resumed_and_tried_again(page: "playwright.Page", studio: Studio) -> None:
    dataset = studio.datasets()[0].id
    name = f"Stop and go {len(studio.runs())}"  # its own, should it be tried once more
    run = studio.train(Recipe(dataset=dataset, name=name))
    page.reload()
    page.get_by_role("tab", name="Tune", exact=True).first.click()
    expect(page.locator("#runs")).to_contain_text(name)
    choose(page, name)
    expect(page.locator("#about-run")).to_contain_text("Waiting in line")
    page.locator("#pause-run").click()
    expect(page.locator("#about-run")).to_contain_text("paused")
    assert run.status() == "paused"
    page.locator("#resume-run").click()
    expect(page.locator("#about-run")).to_contain_text("Waiting in line")
    assert run.starts() == 2
    before = len(studio.runs())
    page.locator("#retry-run").click()
    expect(page.locator("#runs [data-testid^='cell-']", has_text=name)).to_have_count(2)
    (again,) = (one for one in studio.runs()[: len(studio.runs()) - before])
    assert again.recipe == run.recipe
