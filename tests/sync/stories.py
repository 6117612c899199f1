"""Three versions of a roadmap, and what people do in the tracker while the first two are pushed: by the step after
which they do it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.sync.places import ROADMAP, Place

Edit = Callable[[Place], None]
Work = dict[str, list[Edit]]


@dataclass(frozen=True, slots=True)
class Story:
    """`work` gives what is done while the first and while the second version is pushed, by profile. `kept` fails where
    anything of the first is lost.
    """

    versions: tuple[str, str, str]
    work: Callable[[str], tuple[Work, Work]]
    kept: Callable[[Place], None]


# -- what people do


def words(key: str) -> Edit:
    """Words above and below what is ours."""

    def edit(place: Place) -> None:
        text = place.find(key).description
        place.edit(key, text=f"Ask Ana before you begin.\n\n{text}\n\nSeen by Bob.")

    return edit


def ticked(key: str) -> Edit:
    def edit(place: Place) -> None:
        text = place.find(key.partition(".")[0]).description
        assert text.count(f"- [ ] {key} ") == 1
        place.edit(key.partition(".")[0], text=text.replace(f"- [ ] {key} ", f"- [x] {key} "))

    return edit


def given(key: str, **fields: Any) -> Edit:
    return lambda place: place.edit(key, **fields)


def labelled(key: str, *, take: str = "", put: str = "") -> Edit:
    def edit(place: Place) -> None:
        labels = [label for label in place.find(key).labels if label != take]
        place.edit(key, labels=[*labels, *([put] if put else [])])

    return edit


# -- the customer's roadmap


def changed(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def without(text: str, start: str, end: str) -> tuple[str, str]:
    """(the text without what stands from `start` up to `end`, that)."""
    assert text.count(start) == text.count(end) == 1
    first, last = text.index(start), text.index(end)
    return text[:first] + text[last:], text[first:last]


def second_version(text: str) -> str:
    """Renames, a task removed, one moved, one new, steps moved and put into another order, another window."""
    text = changed(
        text,
        ("Programme Mobilisation", "Programme Mobilisation & Kick-off"),
        ("M2 — Core Services Alpha", "M2 — Core Services Alpha & Pilot"),
        ("Define API contracts (OpenAPI/AsyncAPI) for zone", "Define and review the API contracts for zone"),
        ("Weeks 4–8", "Weeks 4–9"),
        ("Core Service Blueprint Kick-off", "Core Service Blueprint"),
    )
    text, _ = without(text, "  - **Task 3B", "\n### Milestone M4")
    text, moved = without(text, "  - **Task 4B", "\n### Milestone M5")
    text = text.replace("\n### Milestone M6", f"{moved}\n### Milestone M6")
    text, step = without(text, "    4. Configure alerting", "    5. Publish metric")
    text = text.replace("    1. Execute GDPR", f"{step}    1. Execute GDPR")
    new = "  - **Task 6C — Farewell**\n    1. Say thanks to everybody who took part.\n    2. Close the books.\n"
    return text.replace("\n---\n", f"{new}\n---\n", 1)


def third_version(first: str) -> str:
    """What was removed is back, what was moved is back, what was renamed has another name again."""
    return changed(
        first,
        ("Programme Mobilisation", "Programme Start"),
        ("M2 — Core Services Alpha", "M2 — Core Services, First Cut"),
        ("Define API contracts (OpenAPI/AsyncAPI) for zone", "Define, review and freeze the API contracts for zone"),
        ("Weeks 4–8", "Weeks 5–8"),
    )


def customers_work(profile: str) -> tuple[Work, Work]:
    issues = profile.endswith("-issues")
    first: Work = {
        "1A": [words("1A"), labelled("1A", put="urgent")],
        "2A": [given("2A", title="2A — Zones, as we call them")],
        "2B": [labelled("2B", take="epic")],
        "3A": [given("3A", title="3A — The stock"), words("3A")],
        "5B": [given("5B", closed=True)],
        "M4": [words("M4")],
        "M5": [given("M5", title="M5 — The hard part")],
        "M6": [given("M6", due="2027-12-30")],
    }
    if profile != "gitlab-premium":
        first["4A"] = [given("4A", milestone="M1")]
    second: Work = {
        "M2": [words("M2")],
        "1B": [words("1B"), given("1B", title="1B — Blueprint, by us")],
        "6C": [words("6C")],
    }
    if issues:
        first["1A.2"] = [given("1A.2", closed=True), words("1A.2")]
        first["2B.1"] = [given("2B.1", title="2B.1 Telemetry, by ourselves")]
        first["4B.3"] = [given("4B.3", closed=True)]
        second["1B.2"] = [words("1B.2"), given("1B.2", closed=True)]
    else:
        first["1A"].append(ticked("1A.2"))
        first |= {"4B": [ticked("4B.3")], "5A": [ticked("5A.4")]}
        second["1B"].append(ticked("1B.2"))
    return first, second


def customers_kept(place: Place) -> None:
    there = place.snapshot()
    assert there["1A"]["text"].startswith("Ask Ana before you begin.\n\n<!-- milepost:begin -->")
    assert there["1A"]["text"].endswith("<!-- milepost:SLUG/1A -->\n\nSeen by Bob.")
    assert there["1A"]["labels"] == ["epic", "urgent"]
    assert there["2A"]["title"] == "2A — Zones, as we call them"
    assert there["2B"]["labels"] == []
    assert there["3A"]["title"] == "3A — The stock"
    assert there["5B"]["state"] == "closed"
    assert there["M4"]["text"].startswith("Ask Ana")
    assert there["M5"]["title"] == "M5 — The hard part"
    assert str(there["M6"]["due"]) == "2027-12-30"
    if place.profile != "gitlab-premium":
        assert there["4A"]["milestone"] == "M1"
    if place.profile.endswith("-issues"):
        assert there["1A.2"]["state"] == there["4B.3"]["state"] == "closed"
        assert there["2B.1"]["title"] == "2B.1 Telemetry, by ourselves"
    else:
        assert "- [x] 1A.2 " in there["1A"]["text"]
        assert "- [x] 4B.3 " in there["4B"]["text"]
    assert there["people's: 6A — Integrated QA"]["text"] == "nobody's business"


def customers() -> Story:
    first = ROADMAP.read_text(encoding="utf-8")
    return Story((first, second_version(first), third_version(first)), customers_work, customers_kept)


# -- a small one, whose tasks wait for each other where the profile says so

SMALL = """# Small

### Milestone M1 — Foundations
- **Tasks:**
  - **Task 1A — Mobilisation**
    1. Draft the charter of the programme.
    2. Set up the tools.
  - **Task 1B — Blueprint**

### Milestone M2 — Walls
- **Dependencies:** M1
- **Tasks:**
  - **Task 2A — Bricks**
    1. Order bricks.

### Milestone M3 — Permit (✅ Completed 2026-01-31)
- **Objective:** Be allowed to.
"""


def small_changed() -> str:
    """A milestone renamed, a step reworded, one moved, a task removed, for which another waited, and one new."""
    text, _ = without(SMALL, "  - **Task 1B", "\n### Milestone M2")
    text, moved = without(text, "    2. Set up", "\n### Milestone M2")
    new = f"{moved}  - **Task 2B — Mortar**\n"
    text = changed(text, ("Foundations", "Foundations and Ground"), ("Draft the charter of", "Draft the charter for"))
    return changed(text, ("    1. Order bricks.\n", f"    1. Order bricks.\n{new}"))


def small_work(profile: str) -> tuple[Work, Work]:
    first: Work = {
        "1A": [words("1A"), labelled("1A", put="urgent")],
        "1B": [given("1B", title="1B — The drawings")],
        "M2": [words("M2")],
    }
    second: Work = {"M1": [words("M1")], "2B": [words("2B")]}
    if profile.endswith("-issues"):
        first["1A.2"] = [words("1A.2"), given("1A.2", closed=True)]
        second["1A.1"] = [given("1A.1", title="1A.1 The charter")]
    else:
        first["1A"].append(ticked("1A.2"))
        second["2A"] = [given("2A", title="2A — Bricks, red ones")]
    return first, second


def small_kept(place: Place) -> None:
    there = place.snapshot()
    assert there["1A"]["text"].startswith("Ask Ana before you begin.\n\n<!-- milepost:begin -->")
    assert there["1A"]["text"].endswith("<!-- milepost:SLUG/1A -->\n\nSeen by Bob.")
    assert there["1A"]["labels"] == ["epic", "urgent"]
    assert there["1B"]["title"] == "1B — The drawings"
    assert there["M2"]["text"].startswith("Ask Ana")
    assert there["M3"]["state"] == "closed"
    assert there["2A"]["blocked by"] == (["1A", "1B"] if place.mapping else [])
    if place.profile.endswith("-issues"):
        assert there["1A.2"]["state"] == "closed"
        assert there["1A.2"]["text"].startswith("Ask Ana")
    else:
        assert "- [x] 1A.2 " in there["1A"]["text"]
    assert there["people's: 6A — Integrated QA"]["text"] == "nobody's business"


def small() -> Story:
    third = changed(SMALL, ("Foundations", "Footing"), ("Draft the charter of", "Draft and sign the charter of"))
    return Story((SMALL, small_changed(), third), small_work, small_kept)
