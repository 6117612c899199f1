"""What GitLab does to text that people send: quick actions, mentions, task lists, milestone titles. All pure.

Quick actions follow `Gitlab::QuickActions::Extractor` and `Banzai::Filter::QuickActionFilter`: only top-level
paragraphs are searched (not lists, quotes, code or HTML blocks), in them only whole lines that begin with `/`, and not
inside inline code. CRs and trailing white space go in any case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.token import Token

# Known to GitLab and removed wherever they stand, whether they can act on an issue or not. `/cc` is defined without an
# action, and such commands are left in the text.
_COMMANDS = (
    "add_child|add_contacts|add_email|approve|assign|assign_reviewer|award|blocked_by|blocks|board_move|"
    "checkin_reminder|child_epic|clear_health_status|clear_weight|clone|close|confidential|convert_to_ticket|"
    "copy_metadata|create_merge_request|done|draft|due|duplicate|epic|estimate|estimate_time|health_status|"
    "invite_email|iteration|label|labels|link|lock|merge|milestone|move|page|parent_epic|promote|promote_to|"
    "promote_to_incident|publish|react|ready|reassign|reassign_reviewer|rebase|relabel|relate|remove_child|"
    "remove_child_epic|remove_contacts|remove_due_date|remove_email|remove_epic|remove_estimate|remove_iteration|"
    "remove_label|remove_milestone|remove_parent|remove_parent_epic|remove_time_estimate|remove_time_spent|"
    "remove_zoom|reopen|request_review|reviewer|set_parent|severity|spend|spend_time|spent|status|submit_review|"
    "subscribe|tag|target_branch|timeline|title|todo|type|unapprove|unassign|unassign_reviewer|unblock|unlabel|"
    "unlink|unlock|unsubscribe|weight|zoom"
)
_SUBSTITUTIONS = {"shrug": "¯\\＿(ツ)＿/¯", "tableflip": "(╯°□°)╯︵ ┻━┻"}

_MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"]).disable("text_join")
_ACTION = re.compile(
    rf"""
    `.+?`
    | ^<[^>]+?>\n .+? \n</[^>]+?>$
    | ^/(?P<cmd>{_COMMANDS}) (?:[ ](?P<arg>[^\n]*))? (?:\s*\n|$)
    | ^/(?P<sub>{"|".join(_SUBSTITUTIONS)}) (?P<rest>[ ][^\n]*)? (?P<end>\s*\n|$)
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
_MENTION = re.compile(r"(?<![\w@/.-])@([A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?)")
_HIDDEN = re.compile(r"<!--.*?-->|<(pre|code|style|tt)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
# `Taskable::ITEM_PATTERN`
_TASK = re.compile(r"^(?:>\s{0,4})*(?:\s*(?:[-+*]|\d+[.)]))+\s+\[([\sxX])\](\s.+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    argument: str


@dataclass(frozen=True, slots=True)
class Task:
    """A checklist box: where its mark is in the text, and the line (from 0) that holds it."""

    at: int
    line: int
    done: bool
    label: str


def extract(content: str) -> tuple[str, list[Command]]:
    """What is stored of a description or note, and the quick actions found in it, in order."""
    content = content.replace("\r", "")
    lines = [line + "\n" for line in content.split("\n")]
    lines[-1] = lines[-1][:-1]
    commands: list[Command] = []

    def take(match: re.Match[str]) -> str:
        if name := match["cmd"]:
            commands.append(Command(name.lower(), (match["arg"] or "").strip()))
            return ""
        if name := match["sub"]:
            return _SUBSTITUTIONS[name.lower()] + (match["rest"] or "") + match["end"]
        return match[0]

    for start, end in _paragraphs(content):
        last = end + 1 if end < len(lines) and lines[end] == "\n" else end
        lines[start:last] = [_ACTION.sub(take, "".join(lines[start:last])), *[""] * (last - start - 1)]
    return "".join(lines).rstrip(" \t\n\v\f\0"), commands


def mentions(content: str) -> list[str]:
    """Names that GitLab would notify: outside code, comments and links, and not escaped as `\\@name`."""
    found: dict[str, None] = {}
    for token in _parse(content):
        if token.type == "html_block":
            found.update(dict.fromkeys(_MENTION.findall(_HIDDEN.sub(" ", token.content))))
        for run in _visible(token.children or []):
            found.update(dict.fromkeys(_MENTION.findall(run)))
    return list(found)


def tasks(content: str | None) -> list[Task]:
    """The checklist boxes of a description, outside code and HTML blocks, top to bottom."""
    if not content:
        return []
    hidden = {
        line
        for t in _parse(content)
        if t.map and t.type in ("fence", "code_block", "html_block")
        for line in range(*t.map)
    }
    found = []
    for match in _TASK.finditer(content):
        line = content.count("\n", 0, match.start(1))
        if line not in hidden:
            found.append(Task(match.start(1), line, match[1] in "xX", match[2].strip()))
    return found


def toggle(content: str, index: int) -> str:
    """The text with one box ticked or unticked; every other character as it was. IndexError: no such box."""
    task = tasks(content)[index]
    return content[: task.at] + (" " if task.done else "x") + content[task.at + 1 :]


def plain_title(title: str) -> str:
    """A milestone's title as stored: HTML tags dropped (`Timebox#sanitize_title`), white space around it too."""
    reader = _TextOnly()
    reader.feed(title)
    reader.close()
    return "".join(reader.parts).strip()


def _parse(content: str) -> list[Token]:
    return _MARKDOWN.parse(_quoted(content))


def _paragraphs(content: str) -> Iterator[tuple[int, int]]:
    """The line ranges of top-level paragraphs, end excluded."""
    for token in _parse(content):
        if token.type == "paragraph_open" and token.level == 0 and token.map:
            yield token.map[0], token.map[1]


def _quoted(content: str) -> str:
    """GitLab's `>>>` blocks as ordinary quotes, line for line. Fences keep theirs."""
    if not re.search(r"^>>>", content, re.MULTILINE):
        return content
    fenced = {n for t in _MARKDOWN.parse(content) if t.type == "fence" and t.map for n in range(*t.map)}
    lines, inside = content.split("\n"), False
    for number, line in enumerate(lines):
        if line.rstrip() == ">>>" and number not in fenced:
            inside = not inside
            lines[number] = "" if inside else ">"
        elif inside:
            lines[number] = "> " + line
    return "\n".join(lines)


def _visible(children: list[Token]) -> Iterator[str]:
    run, depth = "", 0
    for child in children:
        depth += child.nesting if child.type in ("link_open", "link_close") else 0
        shown = child.type == "text" or (child.type == "text_special" and child.info == "entity")
        if shown and not depth:
            run += child.content
        else:
            yield run
            run = ""
    yield run


class _TextOnly(HTMLParser):
    # Tags that Sanitize leaves a space for.
    _SPACED = re.compile(
        r"address|article|aside|blockquote|br|dd|div|dl|dt|footer|h[1-6]|header|hgroup|hr|li|nav|ol|p|pre|section|ul"
    )

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if self._SPACED.fullmatch(tag):
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if self._SPACED.fullmatch(tag):
            self.parts.append(" ")
