"""What writes send to GitLab for the fields of a desired object. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from app.core.plan import Fields, Ref, Value
from connectors.base import FieldProblem, Refs, Rejected, Unsupported
from connectors.gitlab.convert import work_item_gid

CLOSED: Final = ("closed", "not_planned")  # GitLab knows one way of being closed
DESCRIPTION_MAX: Final = 1_048_576  # characters; of issues by GitLab's validation, of milestones by nothing but sense


def milestone_fields(fields: Fields) -> dict[str, str]:
    """The REST parameters of a milestone for these fields. "" clears a date or text: the API reads them as strings
    (gitlabhq `lib/api/milestone_responses.rb`) and Rails reads "" as no date.
    """
    sent: dict[str, str] = {}
    for name, value in fields.items():
        match name:
            case "title" | "description":
                sent[name] = _str(name, value)
            case "start" | "due":
                sent[f"{name}_date"] = _date(value)
            case "state":
                sent["state_event"] = "close" if value in CLOSED else "activate"
            case _:
                raise _unheld("milestones", name)
    return sent


def issue_fields(fields: Fields, refs: Refs) -> dict[str, str | int]:
    """The REST parameters of an issue for these fields. 0 takes it out of its milestone and "" takes all labels off
    (https://docs.gitlab.com/api/issues/#update-an-issue). Label names can't hold commas, and missing ones are made.
    """
    sent: dict[str, str | int] = {}
    for name, value in fields.items():
        match name:
            case "title" | "description":
                sent[name] = _str(name, value)
            case "milestone":
                sent["milestone_id"] = 0 if value is None else resolved(refs, name, value).number
            case "labels":
                sent["labels"] = ",".join(value) if isinstance(value, tuple) else ""
            case "due":
                sent["due_date"] = _date(value)
            case "state":
                sent["state_event"] = "close" if value in CLOSED else "reopen"
            case _:
                raise _unheld("issues", name)
    return sent


def work_item_input(fields: Fields, refs: Refs, *, epic: bool = False) -> dict[str, Any]:
    """The `workItemUpdate` input, without `id`, for these fields; null takes out of a milestone or parent.

    Without `state` it suits `workItemCreate` too. Labels go by id and are not in it. An `epic` is the group's: it takes
    no milestone of a project (https://docs.gitlab.com/user/project/milestones/#project-milestones-and-group-milestones:
    a project's are for what is in that project), and its dates are inherited unless `isFixed`
    (https://docs.gitlab.com/api/graphql/reference/#workitemwidgetstartandduedateupdateinput).
    """
    sent: dict[str, Any] = {}
    dates: dict[str, str | bool | None] = {}
    for name, value in fields.items():
        match name:
            case "title":
                sent["title"] = _str(name, value)
            case "description":
                sent["descriptionWidget"] = {"description": _str(name, value)}
            case "milestone" | "start" if epic == (name == "milestone"):
                if value is not None:  # a child's start date is in no list of issues: it would never settle
                    raise _unheld("epics" if epic else "child items", name)
            case "milestone":
                inside = None if value is None else resolved(refs, name, value)
                gid = inside and (inside.global_id or f"gid://gitlab/Milestone/{inside.id}")
                sent["milestoneWidget"] = {"milestoneId": gid}
            case "parent":
                above = None if value is None else resolved(refs, name, value)
                sent["hierarchyWidget"] = {"parentId": above and gid_of(above)}
            case "start" | "due":
                dates[f"{name}Date"] = _date(value) or None
            case "state":
                sent["stateEvent"] = "CLOSE" if value in CLOSED else "REOPEN"
            case _:
                raise _unheld("work items", name)
    if dates and epic:
        dates["isFixed"] = True
    return sent | ({"startAndDueDateWidget": dates} if dates else {})


def label_changes(wanted: Value, ids: Mapping[str, str], have: Mapping[str, str]) -> dict[str, list[str]]:
    """The `labelsWidget` of an update that leaves just the wanted labels on. `ids` and `have`: name -> global id, of
    those wanted and of those that are on it.
    """
    names = wanted if isinstance(wanted, tuple) else ()
    add = [ids[name] for name in names if name not in have]
    remove = [gid for name, gid in have.items() if name not in names]
    return {"addLabelIds": add, "removeLabelIds": remove}


def gid_of(ref: Ref) -> str:
    """The GraphQL id of an issue, task or epic."""
    return ref.global_id or work_item_gid(ref.id)


def resolved(refs: Refs, name: str, value: Value) -> Ref:
    """Where the node is that a field names. Raises Rejected when it has no object yet."""
    ref = refs.get(str(value))
    if ref is None:
        raise Rejected(f"The {name} {value} has no object in this project yet", fields=(FieldProblem(name, "missing"),))
    return ref


def _str(name: str, value: Value) -> str:
    """A text, or Rejected where GitLab would cut or refuse it."""
    text = value if isinstance(value, str) else ""
    if name == "description" and len(text) > DESCRIPTION_MAX:
        raise Rejected(
            f"The description has {len(text):,} characters; GitLab holds {DESCRIPTION_MAX:,}",
            "Shorten it, or the task's checklist.",
            fields=(FieldProblem("description", "too_long"),),
        )
    return text


def _date(value: Value) -> str:
    return value.isoformat() if isinstance(value, date) else ""


def _unheld(what: str, name: str) -> Unsupported:
    return Unsupported(f"GitLab's {what} have no {name} that can be set here", "Leave it out in the profile.")
