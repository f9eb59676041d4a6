"""The page owns nothing: killed in the middle of a run, it finds the finished run again."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from browser.typed import put
from studio import Studio

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect = playwright.expect


def test_a_run_goes_on_when_the_page_is_killed(
    browser: "playwright.Browser",
    serve: Callable[[Path], "Server"],  # noqa: F821
    tmp_path: Path,
) -> None:
    studio = Studio(tmp_path)
    studio.build("sentiment")
    server = serve(tmp_path)
    page = browser.new_page()
    page.goto(server.address)
    page.get_by_role("tab", name="Tune", exact=True).first.click()
    expect(page.locator("#as-command")).to_contain_text("--dataset sentiment-")
    page.get_by_text("Advanced: every field of the recipe").click()
    put(page.locator("#recipe-kl_anchor input"), "0")
    put(page.locator("#recipe-max_steps input"), "30")
    expect(page.locator("#as-command")).to_contain_text("--max-steps 30")
    page.locator("#start-run").click()
    run = wait_for_steps(studio)
    server.process.kill()
    server.process.wait()
    assert run.status() == "running"
    page.close()

    assert len(studio.wait(run).steps()) == 30

    again = browser.new_page()
    again.goto(serve(tmp_path).address)
    again.get_by_role("tab", name="Tune", exact=True).first.click()
    expect(again.locator("#about-run")).to_contain_text("Finished: 30 steps")


def wait_for_steps(studio: Studio) -> "Run":  # noqa: F821
    """The one run, once it has made its first step."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for run in studio.runs():
            if run.steps():
                return run
        time.sleep(0.05)
    raise AssertionError("no run made a step")
