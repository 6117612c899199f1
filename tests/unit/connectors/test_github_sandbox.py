"""The GitHub connector against GitHub in a box: what is written is what is read, and what that costs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import github_script
import pytest
from github_script import Boxed, want

from app.core.plan import Observed, Ref
from connectors.base import (
    FieldProblem,
    NotFound,
    Observation,
    Rejected,
    Unauthorized,
    Unsupported,
)


@pytest.fixture
def boxed(request: pytest.FixtureRequest) -> Iterator[Boxed]:
    with github_script.boxed(offset=getattr(request, "param", 0.0)) as made:
        yield made


def by_identity(seen: Observation) -> dict[tuple[str, str], Observed]:
    return {value.ref.identity: value for value in seen.objects}


@pytest.mark.parametrize("prefix", ["", "/api/v3"])
def test_what_is_made_is_what_is_read(boxed: Boxed, prefix: str) -> None:
    hub = boxed.open(prefix=prefix)
    milestone = hub.create(want("milestone", title="M1", description="why", due=date(2026, 11, 16)), {})
    refs = {"M1": milestone.ref}
    task = hub.create(want("issue", title="1A", description="a\n- [ ] b", milestone="M1", labels=("epic",)), refs)
    refs["1A"] = task.ref
    step = hub.create(want("child", title="1A.1", parent="1A", milestone="M1", labels=("epic", "x")), refs)
    assert milestone.due == date(2026, 11, 16)
    assert (task.milestone, task.labels) == (milestone.ref.id, ("epic",))
    assert (step.parent, step.milestone, step.ref.shape, step.labels) == (
        task.ref.id,
        milestone.ref.id,
        "child",
        ("epic", "x"),
    )
    seen = hub.observe()
    assert (seen.complete, seen.full, seen.requests) == (True, True, 2)
    found = by_identity(seen)
    assert found[step.ref.identity] == step
    assert found[task.ref.identity].ref == task.ref
    assert found[milestone.ref.identity].due == milestone.due


def test_updates(boxed: Boxed) -> None:
    hub = boxed.open()
    refs = {"M1": hub.create(want("milestone", title="M1", due=date(2026, 7, 1)), {}).ref}
    for key in ("1A", "1B"):
        refs[key] = hub.create(want("issue", title=key, milestone="M1"), refs).ref
    step = hub.create(want("child", title="1A.1", parent="1A"), refs)
    moved = hub.update(step.ref, {"parent": "1B", "title": "1B.1", "milestone": "M1"}, refs)
    assert (moved.parent, moved.title, moved.milestone) == (refs["1B"].id, "1B.1", refs["M1"].id)
    loose = hub.update(step.ref, {"parent": None, "milestone": None, "state": "not_planned"}, refs)
    assert (loose.parent, loose.milestone, loose.state, loose.reason) == (None, None, "closed", "not_planned")
    again = hub.update(step.ref, {"state": "open", "labels": ("a",), "description": "words"}, refs)
    assert (again.state, again.reason, again.labels, again.description) == ("open", None, ("a",), "words")
    assert hub.update(step.ref, {"state": "closed"}, refs).reason == "completed"
    done = hub.update(refs["M1"], {"due": date(2026, 12, 24), "state": "closed"}, refs)
    assert (done.due, done.state) == (date(2026, 12, 24), "closed")
    assert hub.update(refs["M1"], {"due": None, "description": None}, refs).due is None


def test_each_create_is_one_write(boxed: Boxed) -> None:
    hub = boxed.open()
    refs = {"M1": hub.create(want("milestone", title="M1"), {}).ref}
    refs["1A"] = hub.create(want("issue", title="1A", milestone="M1"), refs).ref
    for n in range(3):
        hub.create(want("child", title=f"1A.{n}", parent="1A", milestone="M1"), refs)
    summary = boxed.box.log.summary()
    assert (summary["writes"], summary["reads"]) == (5, 2)  # the repository's id, and its issue types
    assert hub.requests == summary["total"]


@pytest.mark.parametrize("boxed", [0.0, -7200.0, 7200.0], indirect=True)
def test_an_idle_refresh_is_two_answers_of_304(boxed: Boxed) -> None:
    """Whatever the tracker's clock says."""
    hub = boxed.open()
    refs = {"M1": hub.create(want("milestone", title="M1"), {}).ref}
    for n in range(5):
        refs[f"1{n}"] = hub.create(want("issue", title=f"1{n}", milestone="M1"), refs).ref
    mark = hub.observe(hub.observe().cursor).cursor
    boxed.cost()
    for _ in range(2):
        seen = hub.observe(mark)
        mark = seen.cursor
        assert boxed.cost() == [("GET milestones", 304), ("GET issues", 304)]
        assert (seen.objects, seen.requests) == ((), 2)
    number = refs["12"].number
    boxed.ask("PATCH", f"/repos/octo/hub/issues/{number}", state="closed")
    seen = hub.observe(mark)
    assert seen.requests == 2
    assert by_identity(seen)["item", str(number)].state == "closed"
    hub.observe(seen.cursor)
    assert boxed.cost()[-2:] == [("GET milestones", 304), ("GET issues", 304)]


def test_pages(boxed: Boxed) -> None:
    for n in range(130):
        boxed.ask("POST", "/repos/octo/hub/issues", title=f"by people {n}")
    boxed.ask("POST", "/_sandbox/pull-requests", owner="octo", repo="hub", title="a pull request")
    seen = boxed.open().observe()
    assert (len(seen.objects), seen.requests, seen.complete) == (130, 5, True)


def test_a_title_that_is_taken(boxed: Boxed) -> None:
    hub = boxed.open()
    hub.create(want("milestone", title="M1", state="closed"), {})
    with pytest.raises(Rejected) as caught:
        hub.create(want("milestone", title="M1"), {})
    assert FieldProblem("title", "already_exists") in caught.value.fields


def test_a_token_that_may_only_read(boxed: Boxed) -> None:
    boxed.ask("POST", "/repos/octo/hub/issues", title="by people")
    hub = boxed.open("reader")
    refs = {"1A": Ref("issue", "1", 1)}
    assert len(hub.observe().objects) == 1
    for act in (
        lambda: hub.create(want("milestone", title="M1"), {}),
        lambda: hub.create(want("issue", title="T"), {}),
        lambda: hub.create(want("child", title="T", parent="1A"), refs),
        lambda: hub.update(refs["1A"], {"title": "T"}, refs),
    ):
        with pytest.raises(Unauthorized):
            act()
    findings = {finding.what: finding.ok for finding in hub.check()}
    assert findings["credentials"]
    assert not findings["permission to write"]


def test_a_wrong_token(boxed: Boxed) -> None:
    hub = boxed.open("wrong")
    with pytest.raises(Unauthorized):
        hub.observe()
    with pytest.raises(Unauthorized):
        hub.create(want("issue", title="T"), {})
    assert [(finding.what, finding.ok) for finding in hub.check()] == [("credentials", False)]


def test_what_is_gone(boxed: Boxed) -> None:
    hub = boxed.open()
    ref = hub.create(want("issue", title="T"), {}).ref
    boxed.ask("DELETE", f"/_sandbox/issues/octo/hub/{ref.number}")
    assert hub.observe().objects == ()
    with pytest.raises((NotFound, Unsupported)):
        hub.update(ref, {"title": "again"}, {})


def test_check_is_all_well(boxed: Boxed) -> None:
    hub = boxed.open()
    assert all(finding.ok for finding in hub.check())
    assert boxed.box.log.summary()["writes"] == 0
    assert hub.requests == 4
