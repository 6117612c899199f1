"""The README's picture of the dashboard, from the demo's roadmap and people: `python -m tests.e2e.picture [FILE]`."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

from app.cli import demo
from tests.e2e.test_browser_sandbox import CHROMIUM, FLAGS

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "dashboard.png"
WIDTH, HEIGHT = 1000, 1000


def take(file: Path) -> None:
    """Run the demo through, serve it, and take a picture of its programme's page."""
    from playwright.sync_api import sync_playwright

    with ExitStack() as stack:
        stage = demo._stage(stack)
        demo._import(stage, demo._example(), quiet=True)
        demo._once(stage, demo._people(stage), quiet=True)
        url = stack.enter_context(demo._serving(stage.ctx))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(color_scheme="light", viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(f"{url}/programmes/{demo.SLUG}")
        page.evaluate("document.querySelectorAll('#d-M1, #t-1B').forEach(each => { each.open = true })")
        page.screenshot(path=str(file))
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE)
