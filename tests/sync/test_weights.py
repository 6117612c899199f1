"""What units weigh by labels and estimates of real issues: a step by its own issue, else by its share of its task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.sync import reconcile, status
from tests.sync.conftest import SMALL, Site

PROFILES = Path(__file__).parents[2] / "mappings" / "profiles"
BY_LABEL = '\n[progress]\nweight = "label"\nweights = { "size::L" = 6, "size::S" = 0.5 }\n'


def begun(site: Site, folder: Path, more: str) -> dict[str, int]:
    """Pushed; gives the number of each task's issue, and of each step's where it has one, by key."""
    path = folder / "weighed.toml"
    path.write_text((PROFILES / f"{site.profile}.toml").read_text() + more)
    site.read(SMALL)
    site.target(profile=str(path))
    site.apply()
    return {title.split(" ", 1)[0]: number for title, number in site.titles().items()}


def label(site: Site, number: int, *labels: str) -> None:
    """Beside those that are there."""
    there = site.issues()[number]["labels"]
    names = [one["name"] if site.github else one for one in there]
    site.edit(number, labels=[*names, *labels] if site.github else ",".join([*names, *labels]))


def percent(site: Site, key: str) -> Any:
    reconcile.refresh(site.ctx, "hub")
    (found,) = [t for m in status.status(site.ctx, "small").milestones for t in (m, *m.tasks) if t.key == key]
    return found.percent


@pytest.mark.parametrize("site", ["github", "gitlab"], indirect=True)
def test_lines_share_what_their_task_weighs(site: Site, tmp_path: Path) -> None:
    """1A has three lines, 1B two. One of 1A's is ticked, then 1A weighs 6 and its lines 2 each, beside 1B's of 1."""
    numbers = begun(site, tmp_path, BY_LABEL)
    site.edit(numbers["1A"], body=site.text(numbers["1A"]).replace("- [ ]", "- [x]", 1))
    assert percent(site, "M1") == 20.0
    label(site, numbers["1A"], "size::L")
    assert percent(site, "1A") == 33.3
    assert percent(site, "M1") == 25.0  # 2 of 8
    label(site, numbers["1B"], "size::S")
    assert percent(site, "M1") == 30.7  # 2 of 6.5


@pytest.mark.parametrize("site", ["github-issues", "gitlab-issues"], indirect=True)
def test_a_steps_own_issue_comes_before_its_share(site: Site, tmp_path: Path) -> None:
    numbers = begun(site, tmp_path, BY_LABEL)
    site.edit(numbers["1A.1"], state="closed")
    assert percent(site, "1A") == 33.3
    label(site, numbers["1A"], "size::L")
    assert percent(site, "1A") == 33.3  # 2 of 6
    label(site, numbers["1A.1"], "size::S")
    assert percent(site, "1A") == 7.6  # 0.5 of 0.5 + 3 + 3
    assert percent(site, "M1") == 5.8  # beside 1B's two of 1
