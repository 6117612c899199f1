"""Webhooks and dependencies: calls that are good, bad, unsigned or come again; setting hooks up; what was missed."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from connectors.base import BadSignature, Delivery, NotJson, Secret, TrackerError, Unauthorized, Unsupported
from tests.conformance.bench import NO_PUSH, READ_ONLY, WRONG, Bench, still
from tests.conformance.failing import said_by
from tests.conformance.needs import needs
from tests.conformance.site import Call, Receiver, now, until

OTHER = "another secret"


def parse(bench: Bench, call: Call, secret: str, headers: dict[str, str] | None = None) -> Delivery:
    return bench.parse(call.headers if headers is None else headers, call.body, Secret(secret), now())


def issue_call(bench: Bench, receiver: Receiver, title: str) -> Call:
    """People add an issue; the first call that tells of it."""
    bench.add(title)
    while True:
        call = receiver.next()
        if title.encode() in call.body:
            return call


class Calling:
    @pytest.mark.parametrize("nth", [0, 1])
    def test_only_a_call_that_is_proven_is_taken(self, bench: Bench, nth: int) -> None:
        secret = bench.secrets[nth % len(bench.secrets)]
        with bench.receiving() as receiver:
            bench.subscribe(receiver.url, secret)
            call = issue_call(bench, receiver, "Told of")
        good = parse(bench, call, secret)
        assert good.id
        assert good.event
        assert good.relevant
        tampered = Call(call.headers, call.body.replace(b"Told of", b"Lied of"))
        bad = (
            ("another body", lambda: parse(bench, tampered, secret), bench.signs_body(secret)),
            (
                "one byte more",
                lambda: parse(bench, Call(call.headers, call.body + b" "), secret),
                bench.signs_body(secret),
            ),
            ("no proof", lambda: parse(bench, call, secret, bench.unsigned(call.headers)), True),
            ("an empty proof", lambda: parse(bench, call, secret, bench.unsigned(call.headers, "")), True),
            ("a false proof", lambda: parse(bench, call, secret, bench.unsigned(call.headers, "sha256=00")), True),
            ("another secret", lambda: parse(bench, call, OTHER), True),
            ("no secret", lambda: parse(bench, call, ""), True),
        )
        for what, read, refused in bad:
            if refused:
                with pytest.raises(BadSignature) as caught:
                    read()
                words = said_by(caught.value)
                assert call.body.decode() not in caught.value.message
                assert secret not in caught.value.message, what
                assert "Traceback" in words

    def test_what_is_signed_but_no_json_object_is_refused(self, bench: Bench) -> None:
        for secret in bench.secrets:
            for body in (b"", b"not json", b"[]", b'"text"', b'{"a": ', b"\xff\xfe"):
                with pytest.raises(NotJson):
                    bench.parse(bench.sign(body, secret, now()), body, Secret(secret), now())
            body = json.dumps({"a": 1}).encode()
            bench.parse(bench.sign(body, secret, now()), body, Secret(secret), now())

    def test_an_old_signature_is_refused_where_the_time_is_signed(self, bench: Bench) -> None:
        body = json.dumps({"a": 1}).encode()
        for secret in bench.secrets:
            for minutes in (-60, 60):
                headers = bench.sign(body, secret, now() + timedelta(minutes=minutes))
                if bench.signs_time(secret):
                    with pytest.raises(BadSignature):
                        bench.parse(headers, body, Secret(secret), now())
                else:
                    bench.parse(headers, body, Secret(secret), now())

    def test_a_call_that_is_sent_again_has_the_same_id_and_another_another(self, bench: Bench) -> None:
        for secret in bench.secrets:
            with bench.receiving() as receiver:
                hook = bench.subscribe(receiver.url, secret)
                first = parse(bench, issue_call(bench, receiver, "First"), secret)
                second = parse(bench, issue_call(bench, receiver, "Second"), secret)
                assert first.id != second.id
                until(bench.site.idle, "the calls are over")
                while not receiver.quiet():
                    receiver.next()
                bench.send_again(hook)
                again = parse(bench, receiver.next(), secret)
                bench.send_again(hook)
                assert parse(bench, receiver.next(), secret).id == again.id
                assert again.id == bench.last_call(hook)
                bench.unsubscribe(hook)

    def test_every_event_that_the_tracker_sends_is_read(self, bench: Bench) -> None:
        secret = bench.secrets[0]
        with bench.receiving() as receiver:
            bench.subscribe_to_all(receiver.url, secret)
            hands = bench.hands()
            made = [hands.make(shape, f"A {shape}", description="words") for shape in bench.shapes]
            for item in made:
                hands.update(item, title=f"{item.title}, renamed")
                hands.update(item, state="closed")
                hands.update(item, state="open")
            issue = next(item for item in made if item.ref.shape == "issue")
            bench.edit(issue.ref, labels=["bug"])
            bench.discuss(issue.ref)
            bench.add("By people", milestone=made[0].ref)
            bench.delete(issue.ref)
            last = issue_call(bench, receiver, "The last")
            until(bench.site.idle, "the calls are over")
            while not receiver.quiet():
                receiver.next()
            read = [parse(bench, call, secret) for call in receiver.taken]
        assert len(read) >= 8
        assert len({one.id for one in read}) == len(read)
        assert [one.event for one in read if one.relevant]
        assert parse(bench, last, secret).relevant
        for call, one in zip(receiver.taken, read, strict=True):
            if b'"closed"' in call.body or b'"close"' in call.body:
                assert one.relevant, one.event

    def test_a_hook_is_made_once_and_works(self, bench: Bench) -> None:
        for nth, secret in enumerate(bench.secrets):
            with bench.receiving() as receiver:
                url = f"{receiver.url}/{nth}"
                connector = bench.open()
                made = connector.hook(url, Secret(secret))
                assert (made.url, made.done) == (url, "made")
                assert made.id
                assert made.events
                (shown,) = [hook for hook in bench.hooks() if hook["url"] == url]
                assert shown["active"]
                assert set(made.events) <= set(shown["events"])
                assert parse(bench, issue_call(bench, receiver, f"Heard {nth}"), secret).relevant
                assert secret not in repr((made, connector, vars(connector)))

    def test_a_hook_that_stands_is_mended_and_others_stay(self, bench: Bench) -> None:
        secret = bench.secrets[0]
        with bench.receiving() as receiver:
            other = f"{receiver.url}/theirs"
            bench.subscribe(other, OTHER)
            bench.subscribe(receiver.url, OTHER)  # by hand, with another secret
            theirs = [hook for hook in bench.hooks() if hook["url"] == other]
            first = bench.open().hook(receiver.url, Secret(secret))
            assert first.done == "mended"
            bench.spoil(first.id)
            again = bench.open().hook(receiver.url, Secret(secret))
            assert (again.done, again.id) == ("mended", first.id)
            assert [hook for hook in bench.hooks() if hook["url"] == other] == theirs
            (shown,) = [hook for hook in bench.hooks() if hook["url"] == receiver.url]
            assert shown["active"]
            assert set(again.events) <= set(shown["events"])
            bench.add("Heard")
            proven = 0
            while proven == 0:
                call = receiver.next()
                if call.path == receiver.path and b"Heard" in call.body:
                    proven += parse(bench, call, secret).relevant

    @pytest.mark.parametrize("token", [READ_ONLY, WRONG])
    def test_who_may_set_no_hook_is_told_the_right(self, bench: Bench, token: str) -> None:
        with pytest.raises(Unauthorized) as caught:
            bench.open(bench.place(token)).hook("http://127.0.0.1:9/hooks", Secret(OTHER))
        assert caught.value.hint
        assert OTHER not in said_by(caught.value, variables=False)  # what is sent holds it for as long
        assert bench.hooks() == []

    def test_what_did_not_arrive_is_found_and_what_arrived_later_is_not(self, bench: Bench) -> None:
        secret = bench.secrets[0]
        with bench.receiving() as receiver:
            connector = bench.open()
            hook = connector.hook(receiver.url, Secret(secret))
            start = now() - timedelta(minutes=1)
            bench.add("Arrives")
            until(bench.site.idle, "the calls are over")
            assert list(connector.missed_deliveries(hook.id, start)) == []
            bench.fault("hook_lost", "(?i)issue", times=None)
            for title in ("Lost one", "Lost two"):
                bench.add(title)
            until(bench.site.idle, "the calls are over")
            bench.clear()
            receiver.status = 500
            bench.add("Refused")
            until(bench.site.idle, "the calls are over")
            receiver.status = 200
            mark = bench.mark()
            missed = list(connector.missed_deliveries(hook.id, start))
            assert len(missed) == len({one.id for one in missed}) >= 3
            assert all(one.relevant for one in missed)
            assert list(connector.missed_deliveries(hook.id, now() + timedelta(minutes=5))) == []
            assert bench.writes(mark) == []
            resent = bench.last_call(hook.id)  # which was refused
            bench.send_again(hook.id)
            until(bench.site.idle, "the call is over")
            left = list(connector.missed_deliveries(hook.id, start))
            assert resent in [one.id for one in missed[-2:]]  # oldest first
            assert left == [one for one in missed if one.id != resent]
            bench.add("Arrives too")
            until(bench.site.idle, "the calls are over")
            assert list(connector.missed_deliveries(hook.id, start)) == left

    # Dependencies

    def test_blocking_where_there_is_no_such_relation_is_unsupported(self, bench: Bench) -> None:
        hands = bench.hands(bench.place(dependencies=True))
        one, two = hands.make("milestone", "One"), hands.make("milestone", "Two")
        with pytest.raises(Unsupported):
            hands.connector.block(one.ref, two.ref, True)
        if not hands.connector.capabilities().blockers_max:
            first, second = hands.make("issue", "First"), hands.make("issue", "Second")
            with pytest.raises(Unsupported):
                hands.connector.block(first.ref, second.ref, True)
            assert all(item.blocked_by == () for item in hands.read().values())

    @needs("dependencies")
    def test_blocking_twice_is_no_error_and_is_read_back(self, bench: Bench) -> None:
        hands = bench.hands(bench.place(dependencies=True))
        first, second, third = (hands.make("issue", title) for title in ("First", "Second", "Third"))
        start = hands.connector.observe().cursor
        for _ in range(2):
            hands.connector.block(first.ref, second.ref, True)
        hands.connector.block(first.ref, third.ref, True)
        assert sorted(hands.read_one(first).blocked_by) == sorted((second.ref.id, third.ref.id))
        assert hands.read_one(second).blocked_by == ()
        late = {item.ref.identity: item for item in hands.connector.observe(start).objects}
        assert sorted(late[first.ref.identity].blocked_by) == sorted((second.ref.id, third.ref.id))
        hands.update(first, title="First, renamed")
        assert len(hands.read_one(first).blocked_by) == 2
        assert bench.hands().read_one(first).blocked_by == ()  # not asked for
        for _ in range(2):
            hands.connector.block(first.ref, second.ref, False)
        assert hands.read_one(first).blocked_by == (third.ref.id,)
        assert still(hands.read_one(second)) == still(second)

    @needs("dependencies")
    def test_blocking_takes_one_write_and_over_the_cap_is_unsupported(self, bench: Bench) -> None:
        hands = bench.hands(bench.place(dependencies=True))
        most = hands.connector.capabilities().blockers_max
        bench.seed(most + 1)
        first = hands.make("issue", "First")
        others = [item.ref for item in hands.read().values() if item.ref != first.ref]
        assert len(others) == most + 1
        for other in others[:most]:
            mark = bench.mark()
            hands.connector.block(first.ref, other, True)
            assert len(bench.writes(mark)) == 1
        with pytest.raises(Unsupported):
            hands.connector.block(first.ref, others[most], True)
        assert len(hands.read_one(first).blocked_by) == most

    @needs("silent drops")
    def test_what_is_dropped_without_a_word_is_noticed(self, bench: Bench) -> None:
        able = bench.hands()
        able.milestone()
        unable = bench.hands(bench.place(NO_PUSH))
        unable.refs |= able.refs
        for title, fields in (("With labels", {"labels": ("epic",)}), ("In a milestone", {"milestone": "MILESTONE"})):
            mark = bench.mark()
            with pytest.raises(TrackerError) as caught:
                unable.make("issue", title, **fields)
            assert isinstance(caught.value, Unauthorized)
            assert caught.value.hint
            assert bench.creates(mark) == len(bench.titled(title)) == 1
        plain = unable.make("issue", "With nothing to drop")
        assert able.read_one(plain).title == "With nothing to drop"
