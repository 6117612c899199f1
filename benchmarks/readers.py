"""Readers of a tracker, each a process of its own: `python -m benchmarks.readers NAME KIND URL PATH FILE`.

FILE keeps where the next read goes on; without it everything is read. Prints how many issues were read. URL `-` only
imports, which is what the process costs before it has read anything.

The plain scripts are written as well as such scripts are: a hundred a page, `since` or `updated_after`, no request for
a single issue; PyGithub's pauses (0.25 s between two requests) and retries are off. They keep what they counted.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

_BOX = re.compile(r"^- \[([ x])\] ", re.MULTILINE)


class Seen(NamedTuple):
    """What a script looks at."""

    number: int
    closed: bool
    text: str
    changed: str


def milepost(kind: str, url: str, path: str, file: Path) -> int:
    """`observe` of the connector, as a refresh asks for it."""
    from connectors import registry
    from connectors.base import Cursor, Place, Secret

    opener = registry.kind(kind).open
    __import__(f"connectors.{kind}")
    if url == "-":
        return 0
    connector = opener(Place(kind, url, path, Secret("bench-milepost")))
    found = connector.observe(Cursor(file.read_text()) if file.exists() else None)
    connector.close()
    if not found.complete or found.cursor is None:
        raise SystemExit(found.problem)
    file.write_text(found.cursor)
    return sum(1 for item in found.objects if item.ref.shape != "milestone")


def plain(kind: str, url: str, path: str, file: Path) -> int:
    """A script around PyGithub or python-gitlab that counts boxes."""
    known: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {"since": "", "boxes": {}}
    read, boxes = 0, known["boxes"]
    for seen in (_pygithub if kind == "github" else _python_gitlab)(url, path, known["since"]):
        read += 1
        ticks = _BOX.findall(seen.text)
        boxes[str(seen.number)] = [len(ticks) if seen.closed else ticks.count("x"), len(ticks)]
        known["since"] = max(known["since"], seen.changed)
    if url != "-":
        file.write_text(json.dumps(known))
    return read


def _pygithub(url: str, path: str, since: str) -> Iterator[Seen]:
    import github

    if url == "-":
        return
    pauses: dict[str, Any] = {"seconds_between_requests": None, "seconds_between_writes": None, "retry": None}
    auth = github.Auth.Token("bench-plain")
    repository = github.Github(auth=auth, base_url=url, per_page=100, lazy=True, **pauses).get_repo(path)
    for milestone in repository.get_milestones(state="all"):
        assert milestone.number
    after: dict[str, Any] = {"since": datetime.fromisoformat(since)} if since else {}
    for issue in repository.get_issues(state="all", sort="updated", direction="asc", **after):
        if "/pull/" not in issue.html_url:  # `issue.pull_request` would ask for every issue by itself
            yield Seen(issue.number, issue.state == "closed", issue.body or "", issue.updated_at.isoformat())


def _python_gitlab(url: str, path: str, since: str) -> Iterator[Seen]:
    import gitlab

    if url == "-":
        return
    project = gitlab.Gitlab(url, private_token="bench-plain", retry_transient_errors=False).projects.get(
        path, lazy=True
    )
    for milestone in project.milestones.list(iterator=True, per_page=100):
        assert milestone.id
    after = {"updated_after": since} if since else {}
    order = {"scope": "all", "order_by": "updated_at", "sort": "asc"}
    for issue in project.issues.list(iterator=True, per_page=100, **order, **after):
        yield Seen(issue.iid, issue.state == "closed", issue.description or "", issue.updated_at)


READERS = {"milepost": milepost, "plain": plain}


def main() -> None:
    name, kind, url, path, file = sys.argv[1:]
    print(READERS[name](kind, url, path, Path(file)))


if __name__ == "__main__":
    main()
