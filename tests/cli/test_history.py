"""conflicts, resolve, audit, undo and target hook, as a script sees them."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import PATH, SMALL, Shell, Tracker, ready

ASK = (Path(__file__).parents[2] / "mappings/profiles/github.toml").read_text() + '\n[owners]\ntitle = "ask"\n'


def renamed(shell: Shell, tracker: Tracker) -> None:
    """1A is renamed by a person and by the roadmap, with a profile that asks."""
    (shell.folder / "ask.toml").write_text(ASK)
    shell.read(SMALL)
    shell.json("target", "add", "hub", "--programme", "small", *tracker.options, "--profile", "ask.toml")
    shell.json("apply", "hub", "--yes")
    (number,) = [i["number"] for i in tracker.person.get("/issues").json() if i["title"].startswith("1A")]
    tracker.person.patch(f"/issues/{number}", json={"title": "People's own"}).raise_for_status()
    shell.read(SMALL.replace("Mobilisation", "Getting Going"))
    shell.json("plan", "hub")


def test_a_conflict_is_listed_and_decided(shell: Shell, tracker: Tracker) -> None:
    renamed(shell, tracker)
    (found,) = shell.json("conflicts")["conflicts"]
    assert {name: found[name] for name in ("target", "key", "field", "roadmap", "tracker")} == {
        "target": "hub",
        "key": "1A",
        "field": "title",
        "roadmap": "1A — Getting Going",
        "tracker": "People's own",
    }
    assert shell.json("conflicts", "hub")["conflicts"] == [found]
    assert "milepost resolve hub 1A title" in shell("conflicts").out.decode()
    assert shell("resolve", "hub", "1A", "title").code == 2
    error = shell.refused("resolve", "hub", "1B", "title", "--take", "roadmap")
    assert (error["type"], error["hint"]) == ("conflict-unknown", "there are: 1A title")
    done = shell.json("resolve", "hub", "1A", "title", "--take", "roadmap")
    assert (done["key"], done["taken"]) == ("1A", "roadmap")
    assert shell.json("conflicts")["conflicts"] == []
    assert "no conflicts" in shell("conflicts").out.decode()
    assert shell.json("apply", "hub", "--yes")["summary"]["done"] == 1
    assert shell("plan", "hub", "--exit-code").code == 0


def test_the_audit_tells_who_wrote_what(shell: Shell, tracker: Tracker) -> None:
    ready(shell, tracker)
    run = shell.json("apply", "hub", "--yes")["run"]
    entries = shell.json("audit", "hub", "--run", run)["entries"]
    assert len(entries) == 5
    assert {entry["outcome"] for entry in entries} == {"done"}
    (entry,) = shell.json("audit", "--key", "1A")["entries"]
    assert set(entry) >= {"at", "by", "run", "key", "action", "url", "fields", "outcome", "error", "request_id"}
    assert (entry["run"], entry["action"]) == (run, "create")
    assert entry["fields"]["title"] == {"before": None, "after": "1A — Mobilisation"}
    assert "@" in entry["by"]
    assert len(shell.json("audit", "--limit", "2")["entries"]) == 2
    assert "1A" in shell("audit").out.decode()
    assert shell.refused("audit", "--run", "nothing")["type"] == "run-unknown"
    assert "the-robot" not in shell("audit", "--json").out.decode()


def test_a_run_is_taken_back_by_a_plan(shell: Shell, tracker: Tracker) -> None:
    ready(shell, tracker)
    run = shell.json("apply", "hub", "--yes")["run"]
    before = tracker.writes()
    plan = shell.json("undo", run)
    assert (plan["summary"]["close"], plan["complete"], tracker.writes()) == (5, True, before)
    assert "change it before the next plan" in shell("undo", run).err
    assert shell.json("apply", "hub", "--plan", plan["plan"], "--yes", "--max-changes", "100")["state"] == "done"
    assert tracker.person.get("/issues").json() == []
    closed = tracker.person.get("/issues?state=closed").json()
    assert {issue["state_reason"] for issue in closed} == {"not_planned"}
    assert not any("milepost:" in issue["body"] for issue in closed)
    assert shell.refused("undo", run)["type"] == "nothing-to-undo"
    assert shell.refused("undo", "nothing")["type"] == "run-unknown"


def test_the_webhook_is_made_and_mended(shell: Shell, any_tracker: Tracker) -> None:
    ready(shell, any_tracker)
    url = "https://milepost.example.com"
    error = shell.refused("target", "hook", "hub", "--url", url)
    assert (error["type"], "--webhook-secret-env" in error["hint"]) == ("webhook-secret-missing", True)
    options = ("--webhook-secret-env", "HOOK_SECRET")
    assert shell.refused("target", "hook", "hub", "--url", url, *options)["type"] == "webhook-secret-missing"
    for bad in ("milepost.example.com", "ftp://x", "https://u:p@x", "https://x/?a=b"):
        error = shell.refused("target", "hook", "hub", "--url", bad, *options, HOOK_SECRET="s3cret")
        assert error["type"] == "bad-target"
        assert "u:p" not in error["message"]
    done = shell.json("target", "hook", "hub", "--url", url, *options, HOOK_SECRET="s3cret")
    path = shell.json("target", "show", "hub")["webhook_path"]
    assert (done["target"], done["done"], done["url"]) == ("hub", "made", url + path)
    assert done["events"]
    again = shell.json("target", "hook", "hub", "--url", url + path, HOOK_SECRET="other")
    assert (again["hook"], again["done"]) == (done["hook"], "mended")
    hooks = any_tracker.person.get("/hooks").json()
    assert [hook["config"]["url"] if any_tracker.github else hook["url"] for hook in hooks] == [url + path]
    ran = shell("target", "hook", "hub", "--url", url, HOOK_SECRET="s3cret")
    assert ran.code == 0
    assert b"s3cret" not in ran.out
    ran = shell("target", "check", "hub", "--json", HOOK_SECRET="s3cret")
    webhook = ran.json["findings"][-1]
    # GitHub pings an address that no test can reach; GitLab has sent nothing yet
    assert (ran.code, webhook["ok"]) == ((3, False) if any_tracker.github else (0, True))
    assert any_tracker.github == ("1 of its calls in the last day did not arrive" in webhook["detail"])
    (finding,) = [f for f in shell.json("target", "check", "hub", code=3)["findings"] if not f["ok"]]
    assert (finding["what"], finding["mend"]) == ("webhook calls", "export HOOK_SECRET=…")
    assert PATH in str(any_tracker.person.base_url) or not any_tracker.github
