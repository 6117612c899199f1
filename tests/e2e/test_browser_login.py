"""A person logs in with a real browser, under the Content-Security-Policy, and out again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.access import Role
from app.settings import Settings
from tests.api.keys import locked_house
from tests.e2e.test_browser_sandbox import browser, pytestmark

__all__ = ["browser", "pytestmark"]


@pytest.mark.parametrize("dark", [False, True])
def test_a_person_logs_in_reads_the_reference_and_logs_out(browser: Any, dark: bool, tmp_path: Path) -> None:
    with locked_house(tmp_path, Settings(_env_file=None)) as locked:
        base = str(locked.nobody.base_url).rstrip("/")
        page = browser.new_page(color_scheme="dark" if dark else "light")
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("request", lambda request: said.append(request.url) if not request.url.startswith(base) else None)
        page.goto(f"{base}/docs")
        page.get_by_label("Token").fill(locked.token[Role.OPERATOR])
        page.keyboard.press("Enter")
        page.wait_for_url(f"{base}/docs")
        page.get_by_text("/api/v1/programmes/{slug}/import").click()
        assert page.get_by_text("Read a roadmap, or a new version of one").is_visible()
        assert page.evaluate("document.cookie") == ""  # no script can read it
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == ("rgb(13, 17, 23)" if dark else "rgb(255, 255, 255)")  # the style is let in
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url(f"{base}/login")
        page.goto(f"{base}/docs")
        assert page.url == f"{base}/login?next=/docs"
        assert [each for each in said if not each.startswith("data:")] == []
        page.close()
