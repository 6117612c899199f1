"""target add, hook, list, show, check, remove."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text

from app.cli import output
from app.cli.output import AsJson, DatabaseUrl
from connectors import registry

PROFILES = [name for kind in registry.KINDS.values() for name in kind.profiles]
group = typer.Typer(name="target", help="Places to sync to.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The target's name.")]


def register(app: typer.Typer) -> None:
    app.add_typer(group)


@group.command("add")
def add(
    name: Name,
    programme: Annotated[str, typer.Option(metavar="SLUG", help="The programme whose nodes go there.")],
    kind: Annotated[str, typer.Option(help="github or gitlab.")],
    repo: Annotated[str | None, typer.Option(metavar="OWNER/NAME", help="GitHub: the repository.")] = None,
    project: Annotated[str | None, typer.Option(metavar="GROUP/NAME", help="GitLab: the project.")] = None,
    group_: Annotated[str, typer.Option("--group", metavar="GROUP", help="GitLab: the group for epics.")] = "",
    base_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="GitHub's API root, or the GitLab instance, where not the public one."),
    ] = None,
    token_env: Annotated[
        str | None, typer.Option(metavar="VAR", help="The variable that holds the token (GITHUB_TOKEN, GITLAB_TOKEN).")
    ] = None,
    token_file: Annotated[str | None, typer.Option(metavar="PATH", help="The file that holds the token.")] = None,
    app_id: Annotated[int | None, typer.Option(metavar="N", help="GitHub App: its id.")] = None,
    app_key_file: Annotated[str | None, typer.Option(metavar="PATH", help="GitHub App: its private key.")] = None,
    installation_id: Annotated[int | None, typer.Option(metavar="N", help="GitHub App: the installation.")] = None,
    webhook_secret_env: Annotated[
        str, typer.Option(metavar="VAR", help="The variable that holds the webhook secret.")
    ] = "",
    profile: Annotated[
        str | None,
        typer.Option(metavar="P", help=f"{', '.join(PROFILES)}, or a path to a .toml."),
    ] = None,
    select: Annotated[
        str | None, typer.Option(metavar="KEY,KEY…", help="These milestones; without it all that no other target has.")
    ] = None,
    interval: Annotated[int | None, typer.Option(metavar="SECONDS", help="How often it is refreshed.")] = None,
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """Add a target. Secrets are named, never stored.

    Example: milepost target add hub --programme update-1 --kind github --repo acme/app --select M1,M2
    """
    from app.settings import Settings
    from app.sync import targets
    from app.sync.targets import BadTarget, NewTarget

    registry.kind(kind)
    path = repo if kind == "github" else project
    if path is None or (repo is not None and project is not None):
        raise BadTarget(
            "which repository or project?", "--kind github takes --repo OWNER/NAME, --kind gitlab --project GROUP/NAME"
        )
    new = NewTarget(
        name=name,
        programme=programme,
        kind=kind,
        path=path,
        group=group_,
        base_url=base_url,
        profile=profile,
        select=select.split(",") if select is not None else None,
        token_env=token_env,
        token_file=token_file,
        app_id=app_id,
        app_key_file=app_key_file,
        installation_id=installation_id,
        webhook_secret_env=webhook_secret_env,
        interval_seconds=interval if interval is not None else Settings().refresh_interval,
    )
    _tell(targets.add(output.context(database), new), as_json=as_json)


def _tell(target: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.document(target)
        return
    for name, value in target.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        if name == "select" and value is None:
            shown = "all that no other target has"
        elif value is None:
            shown = "never" if name == "last_refresh" else "–"
        output.say(f"{name.replace('_', ' '):<17} {shown}")


@group.command("list")
def list_(as_json: AsJson = False, database: DatabaseUrl = None) -> None:
    """Every target."""
    from app.sync import targets

    found = targets.listed(output.context(database))
    if as_json:
        output.document({"targets": found})
        return
    if not found:
        output.say("no target yet: milepost target add NAME --programme SLUG --kind github --repo OWNER/NAME")
        return
    grid = output.table("name", "programme", "where", "profile", "takes", "last refresh", "error")
    for row in found:
        takes = ", ".join(row["select"]) if row["select"] else "the rest"
        where = f"{row['kind']} {row.get('repo') or row.get('project')}"
        cells = (row["name"], row["programme"], where, row["profile"], takes, row["last_refresh"] or "never")
        grid.add_row(*(Text(cell) for cell in (*cells, row["last_error"] or "")))
    output.out.print(grid)


@group.command("show")
def show(name: Name, as_json: AsJson = False, database: DatabaseUrl = None) -> None:
    """One target, with the path of its webhook."""
    from app.sync import targets

    _tell(targets.show(output.context(database), name), as_json=as_json)


@group.command("check")
def check(name: Name, as_json: AsJson = False, database: DatabaseUrl = None) -> None:
    """Ask the tracker: credentials, permissions, what it can hold, its webhook. Exit code 3 when something fails."""
    from app.sync import webhook

    findings = webhook.check(output.context(database), name)
    if as_json:
        output.document(
            {
                "target": name,
                "findings": [{"what": f.what, "ok": f.ok, "detail": f.detail, "mend": f.mend} for f in findings],
            }
        )
    else:
        grid = output.table("", "what", "found", "how to mend it")
        for finding in findings:
            mark = Text("pass", style="green") if finding.ok else Text("fail", style="red")
            grid.add_row(mark, Text(finding.what), Text(finding.detail), Text(finding.mend))
        output.out.print(grid)
    failed = [finding.what for finding in findings if not finding.ok]
    if failed:
        output.note(f"milepost: {len(failed)} of {len(findings)} checks of {name} failed: {', '.join(failed)}")
        raise typer.Exit(3)


@group.command("hook")
def hook(
    name: Name,
    url: Annotated[str, typer.Option(metavar="PUBLIC_URL", help="How the tracker reaches this service.")],
    webhook_secret_env: Annotated[
        str | None,
        typer.Option(metavar="VAR", help="The variable that holds the webhook secret, where not the target's own."),
    ] = None,
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """Set up, or mend, the webhook in the tracker: events, secret, address. Other webhooks stay as they are.

    Example: milepost target hook hub --url https://milepost.example.com --webhook-secret-env HOOK_SECRET
    """
    from app.sync import webhook

    done = webhook.hook(output.context(database), name, url, secret_env=webhook_secret_env)
    if as_json:
        output.document(done.as_json())
        return
    output.say(f"the webhook of {name} is {done.hook.done}: {done.hook.url}")
    output.say(f"it calls for {', '.join(done.hook.events)}")


@group.command("pause")
def pause(name: Name, as_json: AsJson = False, database: DatabaseUrl = None) -> None:
    """Leave a target alone: it isn't read by itself until `target resume`."""
    from app.sync import targets

    _tell_state(targets.set_state(output.context(database), name, "paused"), as_json=as_json)


@group.command("resume")
def resume(name: Name, as_json: AsJson = False, database: DatabaseUrl = None) -> None:
    """Let a paused target go on, also one that was paused because its credentials were refused."""
    from app.sync import targets

    _tell_state(targets.set_state(output.context(database), name, "active"), as_json=as_json)


def _tell_state(target: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.document(target)
    else:
        output.say(f"target {target['name']} is {target['state']}")


@group.command("remove")
def remove(name: Name, as_json: AsJson = False, database: DatabaseUrl = None) -> None:
    """Forget a target. Nothing in its tracker is touched."""
    from app.sync import targets

    gone = targets.remove(output.context(database), name)
    if as_json:
        output.document(gone)
    else:
        output.say(f"target {name} is forgotten; its tracker is as it was")
