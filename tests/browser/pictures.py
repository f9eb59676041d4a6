"""Takes the README's pictures of a page in which the demo has ended.

    python tests/browser/pictures.py http://127.0.0.1:7860 .github

Two finished runs and their measurement have to be the newest ones there.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

SIZE = {"width": 1280, "height": 900}
TALL = {"width": 1280, "height": 1180}
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu"]


def main(address: str, folder: Path) -> None:
    """One picture each of the Data, Tune, Chat and Report tab, in light colours."""
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_context(viewport=SIZE, color_scheme="light").new_page()
        page.goto(address)
        expect(page.locator("#run-demo")).to_be_visible(timeout=120_000)
        open_tab(page, "Data")
        expect(page.locator("#ready")).to_contain_text("rows are ready", timeout=120_000)
        page.locator("#begin").click()
        expect(page.locator("#preview")).to_contain_text("tokens are learned", timeout=120_000)
        page.locator(".toast-close").first.click()
        take(page, folder / "data.png")
        page.set_viewport_size(TALL)
        open_tab(page, "Chat")
        talk(page)
        page.evaluate("scrollTo(0, 0)")
        take(page, folder / "chat.png")
        open_tab(page, "Tune")
        expect(page.locator("#curves .main-svg").first).to_be_visible(timeout=120_000)
        take(page, folder / "tune.png")
        open_tab(page, "Report")
        expect(page.locator("#plane .main-svg").first).to_be_visible(timeout=120_000)
        take(page, folder / "report.png")
        browser.close()


def open_tab(page: Page, title: str) -> None:
    """Open a tab and leave the mouse where it changes nothing."""
    page.get_by_role("tab", name=title, exact=True).first.click()
    page.mouse.move(2, 2)


def talk(page: Page) -> None:
    """Ask the base and the two newest runs two task rows and a question about an old skill."""
    expect(page.locator("#lane-1")).to_be_visible(timeout=120_000)
    page.locator("#add-lane").click()
    expect(page.locator("#lane-2")).to_be_visible(timeout=120_000)
    message = page.get_by_label("Your message, to every lane")
    for deck, card in ((0, 0), (0, 1), (1, 2)):
        page.locator(f"#deck-{deck} button.gallery-item").nth(card).click()
        expect(message).not_to_have_value("", timeout=60_000)
        asked = message.input_value()
        message.press("Enter")
        expect(page.locator("#lane-0")).to_contain_text(asked, timeout=120_000)
        expect(page.locator("#note-0")).to_contain_text("verified", timeout=120_000)
    message.blur()


def take(page: Page, path: Path) -> None:
    """Save what is on the screen, once it has settled."""
    page.wait_for_timeout(1500)
    page.screenshot(path=str(path))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
