"""The command line as scripts use it: run in this process for speed, in one of its own where that matters."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.cli.run import main
from connectors.sandbox.github import GitHubBox
from connectors.sandbox.gitlab import GitLabBox
from connectors.sandbox.kit import Options, serving
from tests.databases import migrated

MILEPOST = str(Path(sys.executable).with_name("milepost"))
PROFILES = ["github", "github-issues", "gitlab", "gitlab-issues"]
PATH = "acme/app"
START = "2026-11-02"
SMALL = """# Small Programme

### Milestone M1 — Foundations
- **Target Window:** Weeks 0–2
- **Objective:** Lay the ground.
- **Tasks:**
  - **Task 1A — Mobilisation (12% complete)**
    1. Draft the charter of the whole programme.
    2. Set up tools and accounts for everybody.
    3. Agree on the definition of done.
  - **Task 1B — Blueprint (0% complete)**
    1. Draw the plan of the ground floor.
    2. Have the drawings checked by the city.

### Milestone M2 — Walls
- **Target Window:** Weeks 2–4
- **Objective:** Build up.
- **Tasks:**
  - **Task 2A — Bricks (0% complete)**
    1. Order bricks from two suppliers.
    2. Lay bricks up to the first floor.
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command gave."""

    code: int
    out: bytes
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout; anything else there fails."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        """The lines on stderr."""
        return [line for line in self.err.splitlines() if line.strip()]


class Shell:
    """`milepost` in a folder of its own. Calls run in this process; `spawn` starts one of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.patch = folder, monkeypatch
        self.environment = {
            "MILEPOST_DATABASE_URL": f"sqlite:///{folder / 'milepost.db'}",
            "GITHUB_TOKEN": "the-robot",
            "GITLAB_TOKEN": "the-robot",
        }

    def __call__(self, *arguments: str, stdin: bytes = b"", **environment: str) -> Ran:
        out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True), io.StringIO()
        with self.patch.context() as patch:
            for name, value in (self.environment | environment).items():
                patch.setenv(name, value)
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["milepost", *arguments])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            code = 0
            try:
                main()
            except SystemExit as stop:
                code = int(stop.code or 0)
        out.flush()
        return Ran(code, out.buffer.getvalue(), err.getvalue())  # type: ignore[attr-defined]

    def json(self, *arguments: str, code: int = 0, **more: Any) -> Any:
        """The document of a `--json` call that exits with `code`."""
        ran = self(*arguments, "--json", **more)
        assert ran.code == code, (arguments, ran)
        return ran.json

    def refused(self, *arguments: str, code: int = 1, **more: Any) -> dict[str, str]:
        """The error of a call that exits with `code`: the document, and its one line on stderr, with no traceback."""
        ran = self(*arguments, "--json", **more)
        assert ran.code == code, (arguments, ran)
        assert list(ran.json) == ["error"]
        error: dict[str, str] = ran.json["error"]
        assert set(error) == {"type", "message", "hint"}
        assert len(ran.lines) == 1, ran.err
        assert error["message"] in ran.lines[0]
        plain = self(*arguments, **more)
        assert (plain.code, plain.out, plain.lines) == (code, b"", ran.lines)
        return error

    def spawn(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [MILEPOST, *arguments],
            env=os.environ | self.environment | environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def read(self, text: str, slug: str = "small") -> dict[str, Any]:
        return dict(self.json("import", "-", "--programme", slug, "--start", START, stdin=text.encode()))


@dataclass(slots=True)
class Tracker:
    """A box, and a person in it."""

    url: str
    box: Any
    profile: str
    person: httpx.Client

    @property
    def github(self) -> bool:
        return self.profile.startswith("github")

    @property
    def options(self) -> list[str]:
        """For `target add`."""
        kind = ["github", "--repo"] if self.github else ["gitlab", "--project"]
        return ["--kind", *kind, PATH, "--base-url", self.url, "--profile", self.profile]

    @property
    def children(self) -> bool:
        return self.profile.endswith("-issues")

    def writes(self) -> int:
        return int(self.box.log.summary()["writes"])

    def issues(self) -> dict[int, dict[str, Any]]:
        found = self.person.get(f"/issues?{'state' if self.github else 'scope'}=all&per_page=100").raise_for_status()
        return {issue["number" if self.github else "iid"]: issue for issue in found.json()}

    def milestones(self) -> list[dict[str, Any]]:
        return list(self.person.get("/milestones?state=all&per_page=100" if self.github else "/milestones").json())

    def numbers(self) -> dict[str, int]:
        """Issue numbers by title; no title comes twice."""
        found = {issue["title"]: number for number, issue in self.issues().items()}
        assert len(found) == len(self.issues()), "two issues have one title"
        return found

    def number(self, key: str) -> int:
        (found,) = [number for title, number in self.numbers().items() if title.split(" ")[0] == key]
        return found

    def text(self, number: int) -> str:
        return str(self.issues()[number]["body" if self.github else "description"])

    def edit(self, number: int, **fields: Any) -> None:
        """A person edits; `body` and `state` in GitHub's words."""
        if not self.github:
            fields = {"description" if name == "body" else name: value for name, value in fields.items()}
            if "state" in fields:
                fields["state_event"] = "close" if fields.pop("state") == "closed" else "reopen"
        self.person.request("PATCH" if self.github else "PUT", f"/issues/{number}", json=fields).raise_for_status()

    def delete(self, number: int) -> None:
        path = f"/_sandbox/issues/{PATH}/{number}" if self.github else f"/_sandbox/issues/{number}?project={PATH}"
        httpx.delete(self.url + path, trust_env=False).raise_for_status()


@contextmanager
def tracking(profile: str, options: Options | None = None) -> Iterator[Tracker]:
    github = profile.startswith("github")
    box: Any = (GitHubBox if github else GitLabBox)(options or Options())
    with serving(box.app) as url:
        base = f"{url}/repos/{PATH}" if github else f"{url}/api/v4/projects/{PATH.replace('/', '%2F')}"
        with httpx.Client(base_url=base, headers={"Authorization": "Bearer a-person"}, trust_env=False) as person:
            yield Tracker(url, box, profile, person)
    box.close()


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    migrated(f"sqlite:///{tmp_path / 'milepost.db'}").close()
    return Shell(tmp_path, monkeypatch)


@pytest.fixture
def tracker() -> Iterator[Tracker]:
    """A GitHub."""
    with tracking("github") as one:
        yield one


@pytest.fixture(params=PROFILES)
def any_tracker(request: pytest.FixtureRequest) -> Iterator[Tracker]:
    """One for each profile."""
    with tracking(request.param) as one:
        yield one


def ready(shell: Shell, tracker: Tracker, text: str = SMALL) -> None:
    """The programme `small` and its target `hub`."""
    shell.read(text)
    shell.json("target", "add", "hub", "--programme", "small", *tracker.options)
