"""plan, apply, refresh and runs, as a script sees them."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import SMALL, Shell, Tracker, ready

SUMMARY = ["create", "update", "close", "reopen", "adopt", "unchanged", "conflict", "missing"]


def total(tracker: Tracker) -> int:
    return 5 + (7 if tracker.children else 0)


def changes(shell: Shell, *options: str) -> dict[str, int]:
    """What a plan would do, but for `unchanged`."""
    summary = shell.json("plan", "hub", *options)["summary"]
    return {name: count for name, count in summary.items() if count and name != "unchanged"}


def test_a_plan_and_its_apply_have_their_documents(shell: Shell, any_tracker: Tracker) -> None:
    ready(shell, any_tracker)
    ran = shell("plan", "hub", "--exit-code", "--json")
    assert (ran.code, ran.err) == (4, "")
    plan = ran.json
    assert {"plan", "checksum", "target", "complete", "summary", "changes", "degraded"} <= set(plan)
    assert list(plan["summary"]) == SUMMARY
    assert (plan["target"], plan["complete"], plan["summary"]["create"]) == ("hub", True, total(any_tracker))
    task = next(change for change in plan["changes"] if change["key"] == "1A")
    assert list(task) == ["action", "key", "shape", "url", "reason", "fields"]
    assert (task["action"], task["shape"], task["url"]) == ("create", "issue", None)
    assert task["fields"]["title"] == {"before": None, "after": "1A — Mobilisation"}
    assert any_tracker.writes() == 0

    applied = shell.json("apply", "hub", "--plan", plan["plan"], "--yes")
    assert {"run", "state", "summary", "outcomes"} <= set(applied)
    assert applied["state"] == "done"
    assert applied["summary"] == {"done": total(any_tracker), "failed": 0, "skipped": 0}
    outcome = applied["outcomes"][0]
    assert list(outcome) == ["key", "action", "result", "url", "error"]
    assert (outcome["action"], outcome["result"], outcome["error"]) == ("create", "done", None)
    assert outcome["url"].startswith(any_tracker.url)

    before = any_tracker.writes()
    assert shell("plan", "hub", "--exit-code").code == 0
    assert shell.json("apply", "hub", "--yes")["summary"] == {"done": 0, "failed": 0, "skipped": 0}
    assert any_tracker.writes() == before
    runs = shell.json("runs", "hub")["runs"]
    assert [(run["target"], run["state"]) for run in runs] == [("hub", "done")] * 2
    (refreshed,) = shell.json("refresh")["targets"]
    assert {"name", "complete", "requests", "changed", "error"} <= set(refreshed)
    assert (refreshed["name"], refreshed["complete"], refreshed["error"]) == ("hub", True, None)


def test_a_new_database_adopts_by_marker_and_writes_nothing(
    shell: Shell, any_tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready(shell, any_tracker)
    shell.json("apply", "hub", "--yes")
    (tmp_path / "other").mkdir()
    other = Shell(tmp_path / "other", monkeypatch)
    ready(other, any_tracker)
    before = any_tracker.writes()
    assert changes(other) == {"adopt": total(any_tracker)}
    assert other.json("apply", "hub", "--yes")["summary"]["done"] == total(any_tracker)
    assert any_tracker.writes() == before
    assert changes(other) == {}


def test_nobody_to_ask_is_refused_and_nothing_is_written(shell: Shell, tracker: Tracker) -> None:
    ready(shell, tracker)
    assert shell.refused("apply", "hub")["type"] == "not-agreed"
    assert tracker.writes() == 0
    assert shell.refused("apply", "hub", "--plan", "absent", "--yes")["type"] == "plan-unknown"


@pytest.mark.parametrize("who", ["people", "the roadmap"])
def test_a_stale_plan_is_refused_and_writes_nothing(shell: Shell, tracker: Tracker, who: str) -> None:
    ready(shell, tracker)
    shell.json("apply", "hub", "--yes")
    shell.read(SMALL.replace("Mobilisation", "Kick-off"))
    plan = shell.json("plan", "hub")["plan"]
    if who == "people":
        tracker.edit(tracker.number("1A"), title="1A — Ours")
    else:
        shell.read(SMALL.replace("Mobilisation", "Beginnings"))
    before = tracker.writes()
    assert shell.refused("apply", "hub", "--plan", plan, "--yes")["type"] == "plan-stale"
    assert tracker.writes() == before


def test_the_change_guard_names_its_option(shell: Shell, tracker: Tracker) -> None:
    many = SMALL + "".join(f"  - **Task 2{c} — Wall {c}**\n    1. Build wall {c}.\n" for c in "BCDEFGHIJ")
    ready(shell, tracker, many)
    shell.json("apply", "hub", "--yes")
    shell.read(many.replace("— Wall", "— Great wall"))
    before = tracker.writes()
    error = shell.refused("apply", "hub", "--yes")
    assert error["type"] == "change-guard"
    assert "--max-changes" in error["hint"]
    assert tracker.writes() == before
    assert shell.json("apply", "hub", "--yes", "--max-changes", "100")["summary"]["done"] == 10


def test_what_people_deleted_is_missing_until_recreated(shell: Shell, any_tracker: Tracker) -> None:
    ready(shell, any_tracker)
    shell.json("apply", "hub", "--yes")
    any_tracker.delete(any_tracker.number("1B"))
    assert changes(shell).get("missing") == 1
    before = any_tracker.writes()
    shell.json("apply", "hub", "--yes")
    assert any_tracker.writes() == before
    assert shell.json("apply", "hub", "--yes", "--recreate")["state"] == "done"
    assert any_tracker.number("1B")
    assert changes(shell) == {}


def test_adopt_takes_over_what_has_the_same_title(shell: Shell, tracker: Tracker) -> None:
    ready(shell, tracker)
    number = tracker.person.post("/issues", json={"title": "1A — Mobilisation", "body": "by hand"}).json()["number"]
    assert changes(shell) == {"create": 5}
    plan = shell.json("plan", "hub", "--adopt")
    assert (plan["summary"]["adopt"], plan["summary"]["create"]) == (1, 4)
    shell.json("apply", "hub", "--plan", plan["plan"], "--yes")
    assert tracker.number("1A") == number
    assert tracker.text(number).startswith("by hand")


def test_a_removed_task_is_closed_as_not_planned(shell: Shell, tracker: Tracker) -> None:
    ready(shell, tracker)
    shell.json("apply", "hub", "--yes")
    number = tracker.number("1B")
    shell.read(SMALL[: SMALL.index("  - **Task 1B")] + SMALL[SMALL.index("\n### Milestone M2") :])
    assert changes(shell) == {"close": 1}
    shell.json("apply", "hub", "--yes")
    issue = tracker.issues()[number]
    assert (issue["state"], issue["state_reason"]) == ("closed", "not_planned")


def edited(text: str) -> str:
    """Swapped, moved, reworded, and with a step put in front."""
    text = text.replace("Task 1A", "Task X").replace("Task 1B", "Task 1A").replace("Task X", "Task 1B")
    text = text.replace("of the whole programme", "for the programme")
    return text.replace("    1. Order", "    1. Rent a crane for a month.\n    2. Order")


def test_a_new_version_keeps_numbers_words_labels_and_ticks(shell: Shell, any_tracker: Tracker) -> None:
    tracker = any_tracker
    ready(shell, tracker)
    shell.json("apply", "hub", "--yes")
    first, other = tracker.number("1A"), tracker.number("1B")
    text = f"Ask Ann first.\n\n{tracker.text(first)}\n\n- [ ] a box of my own"
    labels = {"labels": ["epic", "people's"]} if tracker.github else {"add_labels": "people's"}
    if tracker.children:
        tracker.edit(tracker.number("1A.2"), state="closed")
    else:
        text = text.replace("[ ] 1A.2", "[x] 1A.2")
    tracker.edit(first, body=text.replace("\n", "\r\n"), **labels)
    assert changes(shell) == {}  # CRLF and what people wrote are no difference
    before = set(tracker.issues())
    shell.read(edited(SMALL))
    shell.json("apply", "hub", "--yes", "--max-changes", "100")
    assert (tracker.number("1B"), tracker.number("1A")) == (first, other)
    assert len(set(tracker.issues()) - before) == (1 if tracker.children else 0)
    now = tracker.text(first).replace("\r\n", "\n")
    assert now.startswith("Ask Ann first.")
    assert now.rstrip().endswith("- [ ] a box of my own")
    names = [label["name"] if tracker.github else label for label in tracker.issues()[first]["labels"]]
    assert {"epic", "people's"} <= set(names)
    assert changes(shell) == {}
    shell.json("refresh")
    tasks = {t["key"]: t for m in shell.json("status", "small")["milestones"] for t in m["tasks"]}
    assert [s["key"] for s in tasks["1B"]["steps"] if s["done"]] == ["1B.2"]
    assert (tasks["1B"]["done"], tasks["1B"]["total"], tasks["1B"]["percent"]) == (1, 3, 33.3)


HOSTILE = """# Hostile

### Milestone M1 — Danger @everyone
- **Target Window:** Weeks 0–2
- **Objective:** /close
- **Tasks:**
  - **Task 1A — /close this @everyone**
    1. /close
    2. /assign @root and /label ~bug
    3. Mail @everyone and bob@example.com, see #1, !2 and org/repo#3.
    4. Quote <!-- milepost:x/1A --> and <!-- milepost:hostile/1B --> here.
    5. A line that goes on
       /close
       @someone
    6. Fixes #1 [ ] - [x] and `/close`
    7. `/close
  - **Task 1B — <!-- milepost:hostile/1A -->**
    1. From: bob <bob@example.com>
    2. Subject: Re: /close
    3. 日本語 ١٢٣ 🙂 &lt;b&gt; \\/close
"""


def test_hostile_words_act_nowhere_and_settle(shell: Shell, any_tracker: Tracker) -> None:
    tracker = any_tracker
    shell.read(HOSTILE, "hostile")
    shell.json("target", "add", "hub", "--programme", "hostile", *tracker.options)
    applied = shell.json("apply", "hub", "--yes")
    assert applied["summary"]["failed"] == 0
    assert shell("plan", "hub", "--exit-code").code == 0
    before = tracker.writes()
    shell.json("apply", "hub", "--yes")
    assert tracker.writes() == before
    for issue in tracker.issues().values():
        assert issue["state"] in ("open", "opened")
        assert issue["assignees"] == []
        names = [label["name"] if tracker.github else label for label in issue["labels"]]
        assert set(names) <= {"epic"}
        text = issue["body" if tracker.github else "description"] or ""
        assert text.count("<!-- milepost:hostile/") == 1
        assert "<!-- milepost:x/" not in text
    if not tracker.github:
        assert httpx.get(f"{tracker.url}/_sandbox/notifications", trust_env=False).json() == []
    assert all(milestone["state"] in ("open", "active") for milestone in tracker.milestones())


def test_two_targets_share_a_programme(shell: Shell, tracker: Tracker) -> None:
    shell.read(SMALL)
    shell.json("target", "add", "hub", "--programme", "small", *tracker.options, "--select", "M1")
    rest = ["small/rest" if word == "acme/app" else word for word in tracker.options]
    shell.json("target", "add", "rest", "--programme", "small", *rest)
    assert shell.json("plan", "hub")["summary"]["create"] == 3
    assert shell.json("plan", "rest")["summary"]["create"] == 2
    shell.json("apply", "hub", "--yes")
    shell.json("apply", "rest", "--yes")
    found = {m["key"]: m["target"] for m in shell.json("status", "small")["milestones"]}
    assert found == {"M1": "hub", "M2": "rest"}
    assert [result["name"] for result in shell.json("refresh")["targets"]] == ["hub", "rest"]


def test_people_read_the_same_in_words(shell: Shell, tracker: Tracker) -> None:
    ready(shell, tracker)
    plan = shell("plan", "hub")
    assert (plan.code, plan.err) == (0, "")
    assert "1A — Mobilisation" in plan.out.decode()
    applied = shell("apply", "hub", "--yes").out.decode()
    assert "is done: 5 done" in applied
    for verb in ("refresh", "status small", "status", "runs", "target list", "target show hub"):
        ran = shell(*verb.split())
        assert (ran.code, ran.err) == (0, "")
        assert ran.out
