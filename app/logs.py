"""What a service process logs: one format for everything, ids that go with the work, and no secret in any line.

Code logs through the standard library (`logging.getLogger(__name__)`), and so do uvicorn and the libraries; `set_up`
gives them all one format. Ids are bound where they are known (`within`, `bound`) and stand in every line until then:
`request`, `run`, `target`, `delivery`. May import structlog and `app.settings`.
"""

from __future__ import annotations

import functools
import inspect
import logging
import re
import sys
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, Final, ParamSpec, TextIO, TypeVar
from urllib.parse import quote

import structlog
from structlog.contextvars import bind_contextvars as bind
from structlog.contextvars import bound_contextvars as bound
from structlog.contextvars import get_contextvars, merge_contextvars
from structlog.typing import EventDict, Processor, WrappedLogger

__all__ = ["HIDDEN", "bind", "bound", "carried", "hide", "ids", "redacted", "set_up", "within"]

HIDDEN: Final = "[hidden]"
SHORTEST: Final = 8
"""Characters from which on a secret is looked for in lines: a shorter one would be found in ordinary words."""
QUIET: Final = ("apscheduler", "httpx", "httpcore", "uvicorn", "github", "urllib3", "alembic", "procrastinate")
"""Libraries that log every request or tick; they are heard when something is wrong."""

P = ParamSpec("P")
R = TypeVar("R")

_SHAPES: Final = re.compile(
    r"gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,}"  # GitHub: those of Apps are made while we run
    r"|gl[a-z]{2,8}-[\w.-]{16,}"  # GitLab
    r"|whsec_[\w+/=-]{16,}|xox[a-z]-[\w-]{10,}"  # Standard Webhooks, Slack
    r"|eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]+"  # JSON web tokens: how a GitHub App asks for its token
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
)
_HEADERS: Final = re.compile(
    r"(\b(?:authorization|private-token|job-token|x-gitlab-token|(?:set-)?cookie)"
    r"(?:[\"']\s*[:=,]\s*b?[\"']?|\s*[:=]\s*))[^\"'\r\n]+",
    re.IGNORECASE,
)
_PLACES: Final = re.compile(
    r"(\bbearer\s+(?=[\w.~+/=-]{8})"
    r"|[?&;](?:access_token|private_token|job_token|token|secret|password|signature|api_key)="
    r"|://[^/\s:@\"']*:(?=[^/\s@\"']+@)"  # the password of a URL
    r"|https://hooks\.slack\.com/(?:services|workflows|triggers)/"
    r")[^\s\"'&,;@]+",
    re.IGNORECASE,
)


_MARKS: Final = (
    r"gh[pousr]_|github_pat_|gl[a-z]{2,8}-|whsec_|xox|eyJ|PRIVATE KEY"
    r"|authorization|-token|cookie|bearer|[?&;][a-z_]+=|://"
)
"""What each of the patterns above begins with, or holds: a line without any is let through at once."""


class _Known:
    """The secrets that this process has come to know, as one pattern. `marks` finds what may hold one, or any other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: set[str] = set()
        self._runs: set[str] = set()
        self.pattern: re.Pattern[str] | None = None
        self.marks = re.compile(_MARKS, re.IGNORECASE)

    def add(self, value: str) -> None:
        if len(value) < SHORTEST or value in self._values:
            return
        with self._lock:
            self._values |= {value, quote(value, safe=""), repr(value)[1:-1]}
            longest_first = sorted(self._values, key=len, reverse=True)
            self.pattern = re.compile("|".join(map(re.escape, longest_first)))
            # its longest run of plain letters is the same however it is quoted; "" looks at every line
            self._runs.add(max(re.findall("[A-Za-z0-9]{4,}", value) or [""], key=len))
            self.marks = re.compile("|".join([*map(re.escape, self._runs), _MARKS]), re.IGNORECASE)


_known = _Known()


def hide(secret: str) -> str:
    """From now on this never stands in a log line, however it gets there. Gives it back.

    To be called wherever a secret is read: it is the last net, not leave to log one.
    """
    _known.add(secret)
    return secret


def redacted(text: str) -> str:
    """The text with known secrets, and what looks like one, hidden."""
    if _known.pattern is not None:
        text = _known.pattern.sub(HIDDEN, text)
    text = _SHAPES.sub(HIDDEN, text)
    return _PLACES.sub(rf"\g<1>{HIDDEN}", _HEADERS.sub(rf"\g<1>{HIDDEN}", text))


def _plain(value: Any) -> Any:
    """A value as JSON holds it, redacted, names of fields too."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {redacted(str(name)): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    return redacted(value if isinstance(value, str) else repr(value))


class _Redacted:
    """The last step: a rendered line, in which what looks like a secret is hidden. Most lines look like none."""

    def __init__(self, render: Callable[[WrappedLogger, str, EventDict], Any]) -> None:
        self._render = render

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> str:
        line = str(self._render(logger, method, dict(event)))
        if not _known.marks.search(line):
            return line
        hidden = {redacted(name): _plain(value) for name, value in event.items()}
        return str(self._render(logger, method, hidden))


def _one_line(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """For eyes: what comes from outside begins no line of its own, and moves no cursor."""
    return {name: value if name == "exception" else _printable(value) for name, value in event.items()}


def _printable(value: Any) -> Any:
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)


def set_up(level: str, style: str, stream: TextIO | None = None) -> None:
    """Every logger of this process writes to `stream` (stderr) in one format: `style` is `json` or `console`.

    Python's warnings, and what ends a thread, are logged too.
    """
    shared: list[Processor] = [
        merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    last: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
    ]
    if style == "json":
        last.append(_Redacted(structlog.processors.JSONRenderer(ensure_ascii=False)))
    else:
        last += [_one_line, _Redacted(structlog.dev.ConsoleRenderer(colors=False, timestamp_key="at"))]
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):  # its own set-up may have come before
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    logging.captureWarnings(True)
    threading.excepthook = _thread_ended


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_type is not SystemExit and ended.exc_value is not None:
        name = ended.thread.name if ended.thread else "?"
        logging.getLogger(__name__).error("the thread %s ended unexpectedly", name, exc_info=ended.exc_value)


def ids() -> dict[str, str]:
    """The ids that are bound here and now, to go with a job to wherever it is done."""
    return {name: str(value) for name, value in get_contextvars().items()}


def carried(work: Callable[[], R]) -> Callable[[], R]:
    """`work`, to be called once in another thread, with the ids that are bound here and now."""
    return functools.partial(copy_context().run, work)


def within(**ids: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Bind arguments of a function as ids while it runs: `@within(target="name")` binds `name` as `target`."""

    def wrap(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            given = signature.bind(*args, **kwargs).arguments
            with bound(**{name: given[argument] for name, argument in ids.items() if argument in given}):
                return function(*args, **kwargs)

        return called

    return wrap
