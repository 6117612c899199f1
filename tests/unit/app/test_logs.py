"""What a log line holds, and what none ever does."""

from __future__ import annotations

import io
import json
import logging
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app import logs

TOKEN = "correct-horse-battery-staple"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """JSON logs of this process, and a way to read them; the loggers are put back afterwards."""
    root, hook, show = logging.getLogger(), threading.excepthook, warnings.showwarning
    before, level = root.handlers, root.level
    quiet = {name: logging.getLogger(name).level for name in logs.QUIET}
    monkeypatch.setattr(logs, "_known", logs._Known())
    out = io.StringIO()
    logs.set_up("DEBUG", "json", out)

    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in out.getvalue().splitlines()]

    yield read
    logging.captureWarnings(False)
    root.handlers, threading.excepthook, warnings.showwarning = before, hook, show
    root.setLevel(level)
    for name, was in quiet.items():
        logging.getLogger(name).setLevel(was)


def test_a_line_is_an_object_with_its_time_level_logger_and_words(lines: Any) -> None:
    logging.getLogger("app.jobs").warning("refresh of %s failed", "hub", extra={"seconds": 1.5})
    (line,) = lines()
    assert line.pop("at").endswith("Z")
    assert line == {"event": "refresh of hub failed", "level": "warning", "logger": "app.jobs", "seconds": 1.5}


def test_a_traceback_is_part_of_its_line(lines: Any) -> None:
    try:
        raise ValueError("of a test")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("it failed")
    (line,) = lines()
    assert (line["logger"], line["level"]) == ("uvicorn.error", "error")
    assert "ValueError: of a test" in line["exception"]


def test_what_comes_from_outside_begins_no_line_of_its_own(lines: Any) -> None:
    logging.getLogger("a").info("got %s", 'x\n{"level": "error", "event": "forged"}')
    assert len(lines()) == 1
    out = io.StringIO()
    logs.set_up("DEBUG", "console", out)
    logging.getLogger("a").info("got %s", "x\n2026-11-24 ERROR forged \x1b[2J")
    assert len(out.getvalue().splitlines()) == 1
    assert "\x1b" not in out.getvalue()


def test_ids_go_with_the_work_into_threads_and_no_further(lines: Any) -> None:
    log = logging.getLogger("ids")

    @logs.within(target="name")
    def refresh(number: int, name: str) -> None:
        logs.bind(run="r1")
        log.info("working")

    with ThreadPoolExecutor(1) as pool, logs.bound(request="abc"):
        pool.submit(logs.carried(lambda: refresh(1, name="hub"))).result()
        pool.submit(log.info, "another").result()
        log.info("here")
    log.info("after")
    found = [{k: v for k, v in line.items() if k in ("request", "run", "target")} for line in lines()]
    assert found == [{"request": "abc", "run": "r1", "target": "hub"}, {}, {"request": "abc"}, {}]


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://api.example.com/repos?access_token={TOKEN}&page=2 failed",
        f"GET https://robot:{TOKEN}@git.example.com/x failed",
        f"postgresql://milepost:{TOKEN}@db/milepost",
        f"headers {{'Authorization': 'Bearer {TOKEN}'}}",
        f"headers [(b'authorization', b'token {TOKEN}'), (b'host', b'x')]",
        f"Authorization: Basic {TOKEN}",
        f"PRIVATE-TOKEN: {TOKEN}",
        f'"x-gitlab-token": "{TOKEN}"',
        f"Cookie: a=1; session={TOKEN}",
        f"the header bearer {TOKEN} was refused",
        f"POST https://hooks.slack.com/services/T000/B000/{TOKEN.replace('-', '')}",
        "ghp_0123456789abcdefghij0123456789abcdef",
        "ghs_0123456789abcdefghij0123456789abcdef",
        "github_pat_11ABCDEFG0123456789_abcdefghijklmnop",
        "glpat-0123456789abcdefghij",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxMjM0NSJ9.c2lnbmF0dXJl",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nabc\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_what_looks_like_a_secret_is_in_no_line(text: str, lines: Any) -> None:
    """Nobody has told of it: a wrong token in a URL, a header, the words of an error."""
    log = logging.getLogger("net")
    log.info(text)
    log.info("%s", {"nested": [text]}, extra={"more": {"deep": (text,)}})
    try:
        raise RuntimeError(text)
    except RuntimeError:
        log.exception("it failed")
    written = json.dumps(lines())
    secrets = [TOKEN, TOKEN.replace("-", ""), "0123456789abcdef", "MfKQ9r8G", "c2lnbmF0", "MIIEow"]
    assert not [secret for secret in secrets if secret in written]
    assert len(lines()) == 3
    assert "failed" in written


@pytest.mark.parametrize("secret", [TOKEN, 'quo"ted\\and\nbroken-secret', "pass word/with+chars&=%", "пароль-длинный"])
def test_a_known_secret_is_in_no_line_wherever_it_turns_up(secret: str, lines: Any) -> None:
    from urllib.parse import quote

    assert logs.hide(secret) == secret
    log = logging.getLogger("net")
    log.info("it is %s, sent as %r and %s", secret, secret, quote(secret, safe=""), extra={secret: 1, "b": [secret]})
    thread = threading.Thread(target=lambda: int(secret), name="worker")
    thread.start()
    thread.join()
    written = json.dumps(lines(), ensure_ascii=False)
    for form in (secret, repr(secret)[1:-1], quote(secret, safe=""), json.dumps(secret, ensure_ascii=False)[1:-1]):
        assert form not in written
    assert "thread worker ended" in written
    assert "ValueError" in written


def test_ordinary_words_are_left_alone(lines: Any) -> None:
    logs.hide("any")  # a token that sandboxes take
    words = "many basic tokens, any cookie or bearer of news: the password is wrong; see https://a.example:8443/x@y"
    logging.getLogger("a").info(words)
    assert lines()[0]["event"] == words
