"""token create, list, revoke."""

from __future__ import annotations

import re
from typing import get_args

from app.access import Role
from app.access import tokens as verbs
from app.cli import tokens
from tests.cli.conftest import Shell


def test_a_token_is_shown_once_listed_and_revoked(shell: Shell) -> None:
    made = shell.json("token", "create", "--role", "operator", "--name", "ci", "--expires", "90")
    assert re.fullmatch(r"mp_[\w-]{43}", made["token"])
    kept = {name: value for name, value in made.items() if name != "token"}
    assert (kept["name"], kept["role"], kept["state"], kept["last_used_at"]) == ("ci", "operator", "active", None)
    assert shell.json("token", "list") == {"tokens": [kept]}
    gone = shell.json("token", "revoke", made["id"])
    assert (gone["state"], gone["name"]) == ("revoked", "ci")
    assert shell.json("token", "list") == {"tokens": [gone]}
    everything = b"".join(shell(*words).out for words in (("token", "list"), ("token", "revoke", "ci")))
    assert made["token"].encode() not in everything


def test_without_json_stdout_holds_the_token_alone(shell: Shell) -> None:
    ran = shell("token", "create", "--role", "viewer")
    assert re.fullmatch(rb"mp_[\w-]{43}\n", ran.out)
    assert "Shown only now" in ran.err


def test_what_can_not_be_is_refused_in_a_line(shell: Shell) -> None:
    shell.json("token", "create", "--role", "admin", "--name", "me")
    assert shell.refused("token", "create", "--role", "admin", "--name", "me")["type"] == "token-exists"
    assert shell.refused("token", "create", "--role", "admin", "--name", "a b")["type"] == "bad-token"
    assert shell.refused("token", "revoke", "nobody")["type"] == "token-unknown"
    assert shell.refused("token", "create", "--role", "boss", code=2)["type"] == "wrong-usage"
    assert shell.refused("token", "create", "--role", "admin", "--expires", "0", code=2)["type"] == "wrong-usage"
    assert shell.refused("token", "create", "--role", "admin", "--expires", "3651", code=2)["type"] == "wrong-usage"
    assert shell("token", "list").out.count(b" admin ") == 1


def test_the_command_takes_the_roles_and_days_that_there_are() -> None:
    assert get_args(tokens.Role) == tuple(role.value for role in Role)
    assert tokens.LONGEST == verbs.LONGEST


def test_an_allow_list_that_is_none_is_told(shell: Shell) -> None:
    error = shell.refused("target", "list", MILEPOST_ALLOWED_TRACKERS="https://git.example")
    assert error["type"] == "bad-setting"
