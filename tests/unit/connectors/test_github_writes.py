"""What GitHub can hold and what it can't, written and read back in a box: types, dependencies, caps, dropped fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from github_script import REFS, TOKEN, Boxed, Call, Reply, Scripted, boxed, graphql_issue, issue, scripted, want

from app.core.plan import Desired, Observed, Ref
from connectors.base import NotFound, OutcomeUnknown, Place, Rejected, Secret, Unauthorized, Unsupported
from connectors.github import GitHub, open_github
from connectors.sandbox.faults import Fault
from connectors.sandbox.kit import Options


@pytest.fixture
def box() -> Iterator[Boxed]:
    with boxed() as made:
        yield made


@pytest.fixture
def script() -> Iterator[Scripted]:
    with scripted() as made:
        made.answer["GET /repos/octo/hub"] = Reply(body={"node_id": "R_1", "full_name": "octo/hub"})
        yield made


@pytest.fixture
def hub(script: Scripted) -> Iterator[GitHub]:
    made = open_github(Place("github", script.url, "octo/hub", Secret(TOKEN)))
    yield made
    made.close()


def read(hub: GitHub) -> dict[tuple[str, str], Observed]:
    seen = hub.observe()
    assert seen.complete
    return {value.ref.identity: value for value in seen.objects}


class TestTypes:
    def test_set_read_changed_and_cleared(self, box: Boxed) -> None:
        hub = box.open()
        assert hub.capabilities().types == ("Task", "Bug")
        refs = {"1A": hub.create(want("issue", title="1A", type="Task"), {}).ref}
        step = hub.create(want("child", title="1A.1", parent="1A", type="bug"), refs)
        assert step.type == "Bug"
        assert [value.type for value in read(hub).values()] == ["Task", "Bug"]
        assert hub.update(step.ref, {"type": "Task"}, refs).type == "Task"
        assert hub.update(step.ref, {"parent": None}, refs).type == "Task"
        assert hub.update(step.ref, {"type": None}, refs).type is None
        assert read(hub)[step.ref.identity].type is None

    def test_one_that_is_not_there(self, box: Boxed) -> None:
        hub = box.open()
        refs = {"1A": hub.create(want("issue", title="1A"), {}).ref}
        for shape in ("issue", "child"):
            with pytest.raises(Rejected) as caught:
                hub.create(want(shape, title="T", type="Saga", **({"parent": "1A"} if shape == "child" else {})), refs)
            assert [problem.field for problem in caught.value.fields] == ["type"]
        assert len(read(hub)) == 1

    def test_a_place_without_types(self) -> None:
        """Nothing that names types is asked of GraphQL: an old GitHub Enterprise Server does not know them."""
        with boxed(Options()) as box:
            hub = box.open()
            assert hub.capabilities().types == ()
            refs = {"1A": hub.create(want("issue", title="1A"), {}).ref}
            assert hub.create(want("child", title="1A.1", parent="1A"), refs).type is None

    def test_asked_for_only_where_there_are_types(self, hub: GitHub, script: Scripted) -> None:
        script.answer["POST /graphql"] = Reply(body={"data": {"createIssue": {"issue": graphql_issue()}}})
        hub.create(want("child", title="T", parent="1A"), REFS)
        assert "issueType" not in script.sent("POST")[0].body["query"]


class TestDropped:
    """Trap 11: without push access GitHub answers 201 or 200, and leaves milestone, labels and type out."""

    def refs(self, box: Boxed) -> dict[str, Ref]:
        return {"M1": box.open().create(want("milestone", title="M1"), {}).ref}

    @pytest.mark.parametrize(
        ("field", "value"), [("milestone", "M1"), ("labels", ("epic",)), ("type", "Task")], ids=str
    )
    def test_a_create_that_lost_something_is_told(self, box: Boxed, field: str, value: Any) -> None:
        refs = self.refs(box)
        author = box.open("author")
        with pytest.raises(Unauthorized, match=f"silently dropped its {field}") as caught:
            author.create(want("issue", title="T", description="<!-- milepost:x/K -->", **{field: value}), refs)
        assert isinstance(caught.value, OutcomeUnknown)  # so it stays pending, and is found by its marker
        assert "write access" in caught.value.hint
        made = [value for value in read(author).values() if value.ref.shape == "issue"]
        assert [(one.title, one.ref.url in caught.value.message) for one in made] == [("T", True)]

    @pytest.mark.parametrize(
        "fields",
        [
            {"milestone": "M1"},
            {"milestone": None},
            {"labels": ("new",)},
            {"labels": ()},
            {"type": "Bug"},
            {"type": None},
        ],
        ids=str,
    )
    def test_an_update_that_lost_something_is_told(self, box: Boxed, fields: dict[str, Any]) -> None:
        refs = self.refs(box)
        writer, author = box.open(), box.open("author")
        clearing = not any(fields.values())
        given = {"milestone": "M1", "labels": ("epic",), "type": "Task"} if clearing else {}
        ref = writer.create(want("issue", title="T", **given), refs).ref
        with pytest.raises(Unauthorized, match="silently dropped"):
            author.update(ref, fields | {"title": "changed"}, refs)
        assert read(writer)[ref.identity].title == "changed"
        assert writer.update(ref, fields, refs)

    def test_what_is_whole_is_no_loss(self, box: Boxed) -> None:
        refs = self.refs(box)
        author = box.open("author")
        made = author.create(want("issue", title="T", milestone=None, labels=(), type=None), refs)
        assert author.update(made.ref, {"title": "changed", "labels": (), "milestone": None}, refs).title == "changed"
        box.ask("POST", "/repos/octo/hub/labels", name="Epic")
        made = box.open().create(want("issue", title="U", labels=("epic",), type="Task"), {})
        assert (made.labels, made.type) == (("Epic",), "Task")

    def test_a_child_that_came_without_its_parent(self, hub: GitHub, script: Scripted) -> None:
        answered = graphql_issue(parent=None)
        script.answer["POST /graphql"] = Reply(body={"data": {"createIssue": {"issue": answered}}})
        with pytest.raises(OutcomeUnknown, match="dropped its parent"):
            hub.create(want("child", title="T", parent="1A"), REFS)

    def test_labels_that_come_on_top_are_no_loss(self, hub: GitHub, script: Scripted) -> None:
        """People's workflows label what is made."""
        labels = [{"name": "triage"}, {"name": "epic"}]
        script.answer["POST /repos/octo/hub/issues"] = Reply(201, issue(8, labels=labels))
        assert hub.create(want("issue", title="T", labels=("epic",)), REFS).labels == ("triage", "epic")


class TestSubIssues:
    def chain(self, hub: GitHub, levels: int) -> dict[str, Ref]:
        refs = {"1": hub.create(want("issue", title="1"), {}).ref}
        for n in range(2, levels + 1):
            refs[str(n)] = hub.create(want("child", title=str(n), parent=str(n - 1)), refs).ref
        return refs

    def test_the_hundred_and_first(self, box: Boxed) -> None:
        hub = box.open()
        refs = {"1A": hub.create(want("issue", title="1A"), {}).ref}
        for n in range(100):
            hub.create(want("child", title=f"1A.{n}", parent="1A"), refs)
        loose = hub.create(want("issue", title="one more"), {})
        before = read(hub)
        for act in (
            lambda: hub.create(want("child", title="one more", parent="1A"), refs),
            lambda: hub.update(loose.ref, {"parent": "1A"}, refs),
        ):
            with pytest.raises(Unsupported, match="100 sub-issues") as caught:
                act()
            assert "\n" not in caught.value.message
        assert read(hub) == before

    def test_as_deep_as_is_said_and_no_deeper(self, box: Boxed) -> None:
        hub = box.open()
        levels = hub.capabilities().levels
        refs = self.chain(hub, levels)
        assert len(refs) == levels == 8
        refs["9"] = hub.create(want("child", title="9", parent="8"), refs).ref  # GitHub counts the levels below the top
        before = read(hub)
        with pytest.raises(Unsupported, match="8 layers of sub-issues"):
            hub.create(want("child", title="10", parent="9"), refs)
        assert read(hub) == before

    def test_another_owner(self, box: Boxed) -> None:
        hub = box.open()
        theirs = box.open(path="others/hub").create(want("issue", title="theirs"), {}).ref
        loose = hub.create(want("issue", title="ours"), {}).ref
        with pytest.raises(Unsupported, match="same owner"):
            hub.update(loose, {"parent": "T"}, {"T": theirs})
        assert read(hub)[loose.identity].parent is None


class TestDependencies:
    @pytest.mark.parametrize("prefix", ["", "/api/v3"])
    def test_written_and_read(self, box: Boxed, prefix: str) -> None:
        hub = box.open(prefix=prefix, dependencies=True)
        refs = [hub.create(want("issue", title=f"{n}"), {}).ref for n in range(4)]
        hub.update(refs[1], {"state": "closed"}, {})
        theirs = box.open(path="octo/port").create(want("issue", title="theirs"), {}).ref
        for by in (refs[2], refs[1], theirs):
            for _ in range(2):  # so already is no error
                hub.block(refs[0], by, True)
        assert read(hub)[refs[0].identity].blocked_by == (refs[1].id, refs[2].id, f"octo/port#{theirs.number}")
        assert read(box.open())[refs[0].identity].blocked_by == ()
        for _ in range(2):
            hub.block(refs[0], refs[1], False)
        assert read(hub)[refs[0].identity].blocked_by == (refs[2].id, f"octo/port#{theirs.number}")

    def test_an_incremental_read_shows_them_and_idle_costs_nothing(self, box: Boxed) -> None:
        hub = box.open(dependencies=True)
        refs = [hub.create(want("issue", title=f"{n}"), {}).ref for n in range(2)]
        mark = hub.observe(hub.observe().cursor).cursor
        hub.block(refs[0], refs[1], True)
        seen = hub.observe(mark)
        assert [value.blocked_by for value in seen.objects if value.ref == refs[0]] == [(refs[1].id,)]
        assert seen.requests == 3
        box.cost()
        hub.observe(seen.cursor)
        assert box.cost() == [("GET milestones", 304), ("GET issues", 304)]

    @pytest.mark.parametrize("way", ["waits for", "holds up"])
    def test_the_fifty_first(self, box: Boxed, way: str) -> None:
        hub = box.open()
        refs = [hub.create(want("issue", title=f"{n}"), {}).ref for n in range(52)]
        pairs = [(refs[0], other) if way == "waits for" else (other, refs[0]) for other in refs[1:]]
        assert len(pairs) == hub.capabilities().blockers_max + 1
        for pair in pairs[:-1]:
            hub.block(*pair, True)
        with pytest.raises(Unsupported, match=f"{way} 50 others already"):
            hub.block(*pairs[-1], True)
        hub.block(*pairs[0], True)
        hub.block(*pairs[0], False)
        hub.block(*pairs[-1], True)

    def test_itself(self, box: Boxed) -> None:
        hub = box.open()
        ref = hub.create(want("issue", title="1"), {}).ref
        with pytest.raises(Rejected):
            hub.block(ref, ref, True)

    @pytest.mark.parametrize("kind", ["dropped", "error_after", "truncated", "reset"])
    def test_a_lost_answer(self, box: Boxed, kind: str) -> None:
        """One attempt; whoever asks again finds it so, or makes it so."""
        hub = box.open(dependencies=True)
        refs = [hub.create(want("issue", title=f"{n}"), {}).ref for n in range(2)]
        box.box.log.clear()
        box.box.faults.add(Fault(kind, match="graphql"))
        with pytest.raises(OutcomeUnknown):
            hub.block(refs[0], refs[1], True)
        assert box.box.log.summary()["writes"] <= 1
        hub.block(refs[0], refs[1], True)
        assert read(hub)[refs[0].identity].blocked_by == (refs[1].id,)


class TestGone:
    def test_a_full_read_finds_the_deleted_and_the_transferred(self, box: Boxed) -> None:
        """An incremental one can't (TRACKERS); and nothing is written to where a transferred one went."""
        hub = box.open()
        kept, deleted, moved = (hub.create(want("issue", title=title), {}).ref for title in ("kept", "gone", "moved"))
        mark = hub.observe(hub.observe().cursor).cursor
        box.ask("DELETE", f"/_sandbox/issues/octo/hub/{deleted.number}")
        box.ask("POST", f"/_sandbox/issues/octo/hub/{moved.number}/transfer", repo="port")
        after = hub.observe(mark)
        assert (after.complete, after.full) == (True, False)
        assert not {deleted.identity, moved.identity} & {value.ref.identity for value in after.objects}
        assert set(read(hub)) == {kept.identity}
        for ref in (deleted, moved):
            for act in (
                lambda ref=ref: hub.update(ref, {"title": "again"}, {}),
                lambda ref=ref: hub.update(ref, {}, {}),
                lambda ref=ref: hub.update(ref, {"parent": None}, {}),
                lambda ref=ref: hub.update(Ref("issue", ref.id, ref.number), {"parent": "K"}, {"K": kept}),
                lambda ref=ref: hub.block(ref, kept, True),
                lambda ref=ref: hub.block(kept, Ref("issue", ref.id, ref.number), True),
            ):
                with pytest.raises(NotFound):
                    act()
        (there,) = box.ask("GET", "/repos/octo/port/issues?state=all").json()
        assert there["title"] == "moved"

    def test_a_deleted_milestone(self, box: Boxed) -> None:
        hub = box.open()
        ref = hub.create(want("milestone", title="M1"), {}).ref
        box.ask("DELETE", f"/repos/octo/hub/milestones/{ref.number}")
        assert read(hub) == {}
        with pytest.raises(NotFound):
            hub.update(ref, {"title": "again"}, {})


WRITES: dict[str, Desired] = {
    "milestones": want("milestone", title="T"),
    "issues": want("issue", title="T"),
    "graphql": want("child", title="T", parent="1A"),
}


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize("kind", ["error_after", "dropped", "truncated"])
def test_one_attempt_whatever_becomes_of_it(box: Boxed, path: str, kind: str) -> None:
    """Trap 1, in a box: what was carried out is there once, and nobody was told that it was not."""
    hub = box.open()
    refs = {"1A": hub.create(want("issue", title="1A"), {}).ref}
    hub.create(want("child", title="1A.0", parent="1A"), refs)  # what has to be known for a child is known
    before = len(read(hub))
    box.box.faults.add(Fault(kind, match=f"^POST .*{path}"))
    with pytest.raises(OutcomeUnknown):
        hub.create(WRITES[path], refs)
    assert len(read(hub)) == before + 1


def test_open_and_closed_counts_are_not_taken_from_milestones(box: Boxed) -> None:
    """Trap 9: they count pull requests too. What is read of a milestone does not change with them."""
    hub = box.open()
    ref = hub.create(want("milestone", title="M1"), {}).ref
    before = read(hub)[ref.identity]
    made = box.ask("POST", "/_sandbox/pull-requests", owner="octo", repo="hub", title="a pull request").json()
    box.ask("PATCH", f"/repos/octo/hub/issues/{made['number']}", milestone=ref.number)
    assert box.ask("GET", f"/repos/octo/hub/milestones/{ref.number}").json()["open_issues"] == 1
    after = read(hub)
    assert (after[ref.identity], len(after)) == (before, 1)


def test_the_scripted_place_is_asked_once_for_its_types(hub: GitHub, script: Scripted) -> None:
    def answer(call: Call) -> Reply:
        return Reply(body={"data": {"createIssue": {"issue": graphql_issue()}}})

    script.answer["POST /graphql"] = answer
    for _ in range(3):
        hub.create(want("child", title="T", parent="1A"), REFS)
        hub.capabilities()
    assert [call.path for call in script.sent("GET")].count("/repos/octo/hub/issue-types") == 1
