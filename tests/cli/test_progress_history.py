"""`milepost history`, as a script and as a person sees it."""

from __future__ import annotations

from tests.cli.conftest import SMALL, Shell, Tracker, ready


def test_history_is_told_by_day(shell: Shell, tracker: Tracker) -> None:
    ready(shell, tracker)
    shell.json("apply", "hub", "--yes")
    found = shell.json("history", "small", "--node", "1A")
    status = shell.json("status", "small")
    (task,) = [task for m in status["milestones"] for task in m["tasks"] if task["key"] == "1A"]
    (point,) = found["points"]
    assert {name: point[name] for name in ("done", "total", "excluded", "percent", "source")} == {
        name: task[name] for name in ("done", "total", "excluded", "percent", "source")
    }
    assert (found["programme"], found["node"], found["time_zone"]) == ("small", "1A", "UTC")
    shown = shell("history", "small").out.decode()
    assert "the whole programme: 1 points, days of UTC" in shown
    assert point["day"] in shown
    assert shell.json("history", "small", "--rebuild")["points"] == shell.json("history", "small")["points"]
    assert shell.json("history", "small", "--to", "2001-01-01")["points"] == []


def test_what_there_is_none_of_is_one_line(shell: Shell) -> None:
    shell.read(SMALL)
    assert shell.refused("history", "small", "--node", "9Z")["type"] == "node-unknown"
    assert shell.refused("history", "nowhere")["type"] == "programme-unknown"
    assert (
        shell.refused("history", "small", "--from", "2026-11-03", "--to", "2026-11-02", code=2)["type"] == "bad-range"
    )
    assert shell("history", "small", "--from", "soon").code == 2
    (shell.folder / "r.md").write_text(SMALL)
    arguments = ("import", "r.md", "--programme", "small", "--time-zone")
    assert shell.refused(*arguments, "Mars/Olympus")["type"] == "bad-time-zone"
    shell.json(*arguments, "Europe/Berlin")
    assert shell.json("history", "small")["time_zone"] == "Europe/Berlin"
