"""Profiles: how nodes become tracker objects, and who owns what. Read from TOML, strictly."""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.core.defects import Severities
from app.core.errors import MilepostError
from app.core.plan import Owner, Policy
from app.core.progress import Weight

BUILT_IN = ("github", "github-issues", "gitlab", "gitlab-issues", "gitlab-premium")


class BadProfile(MilepostError):
    """A profile that can't be used: which line or field, and why."""

    type = "bad-profile"
    status = 422


def _template(text: str) -> str:
    parts = [part for part in string.Formatter().parse(text) if part[1] is not None]
    names = [name for _, name, _, _ in parts]
    if any(name not in ("key", "title") or spec or how for _, name, spec, how in parts):
        raise ValueError("only {key} and {title} can stand in a title")
    if "title" not in names:
        raise ValueError("needs {title}")
    return text


Template = Annotated[str, AfterValidator(_template)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MilestoneMapping(_Strict):
    """What a milestone becomes."""

    title: Template


class TaskMapping(_Strict):
    """What a task becomes: `as` lists shapes in order of preference. `type` is an organisation's issue type by name."""

    shapes: tuple[Literal["issue", "epic"], ...] = Field(alias="as", min_length=1)
    title: Template
    labels: tuple[Annotated[str, Field(min_length=1, max_length=50)], ...] = ()
    type: Annotated[str, Field(max_length=255)] = ""


class StepMapping(_Strict):
    """What a step becomes: `as` lists shapes in order of preference."""

    shapes: tuple[Literal["child", "line"], ...] = Field(alias="as", min_length=1)
    title: Template


class Owners(_Strict):
    """Who decides a field that both sides changed. Everything that isn't named here is people's."""

    title: Owner = "roadmap"
    start: Owner = "roadmap"
    due: Owner = "roadmap"
    state: Owner = "tracker"
    milestone: Owner = "tracker"
    parent: Owner = "tracker"
    labels: Owner = "tracker"
    type: Owner = "tracker"


Label = Annotated[str, Field(min_length=1, max_length=255)]


class ProgressOptions(_Strict):
    """What a unit weighs in percentages: one each (`count`), by a label of its issue, or by its issue's estimate.

    A step that says nothing of its weight (a line of a checklist, an issue without such a label or estimate) has its
    share of what its task's issue says, or weighs 1 where that is silent too; so does an issue that people added.
    """

    weight: Literal["count", "label", "estimate"] = "count"
    weights: dict[Label, Annotated[float, Field(gt=0, le=1_000_000, strict=True)]] = {}

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.weight == "label" and not self.weights:
            raise ValueError('weight = "label" needs weights, such as weights = { "size::L" = 5 }')
        if self.weight != "label" and self.weights:
            raise ValueError('weights are only for weight = "label"')
        return self

    def weigh(self, labels: Iterable[str] = (), estimate: float | None = None) -> Weight | None:
        """What an issue with these labels (the heaviest of several counts) and this estimate weighs, None if it is
        silent.
        """
        if self.weight == "label":
            named = [self.weights[label] for label in labels if label in self.weights]
            return _exact(max(named)) if named else None
        if self.weight == "estimate" and estimate is not None and estimate > 0:
            return _exact(estimate)
        return None


def _exact(weight: float) -> Weight:
    """The figure as written: 0.1 is a tenth. Whole ones are ints."""
    exact = Fraction(str(weight))
    return exact.numerator if exact.denominator == 1 else exact


class DefectOptions(_Strict):
    """Which labels make an issue a defect, of which severity (1 is the worst), and how long each may stay open.

    `days` are for severity 1, 2, …; a severity beyond them may stay open for any time.
    """

    labels: dict[Label, Annotated[int, Field(ge=1, le=9, strict=True)]] = {}
    days: tuple[Annotated[int, Field(ge=0, le=3650, strict=True)], ...] = ()

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        worst = max(self.labels.values(), default=0)
        if len(self.days) > worst:
            raise ValueError(f"days has {len(self.days)} severities where labels go to {worst}")
        return self

    def severities(self) -> Severities:
        """The part of the profile that `app.core.defects` counts by."""
        return Severities(self.labels, self.days)


class Profile(_Strict):
    """A whole profile. `mentions` lets @names of the roadmap notify people; `removed` is for nodes taken out.

    `dependencies` pushes what tasks wait for (their own `depends_on` and their milestone's) as "blocked by".
    """

    kind: Literal["github", "gitlab"]
    milestone: MilestoneMapping
    task: TaskMapping
    step: StepMapping
    owners: Owners = Owners()
    removed: Literal["close", "leave"] = "close"
    mentions: bool = False
    dependencies: bool = False
    progress: ProgressOptions = ProgressOptions()
    defects: DefectOptions = DefectOptions()

    def policy(self) -> Policy:
        """The part of the profile that `app.core.diff.diff` decides by."""
        return Policy(owners=self.owners.model_dump(), removed=self.removed)


def load(name: str) -> Profile:
    """A built-in profile by name, or one of your own by a path that ends in `.toml`.

    Raises BadProfile with the file, the line or field, and what is allowed.
    """
    if name in BUILT_IN:
        text = (files("mappings") / "profiles" / f"{name}.toml").read_text(encoding="utf-8")
    elif name.endswith(".toml"):
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadProfile(f"the profile {name} can't be read: {error}") from None
    else:
        raise BadProfile(
            f"there is no profile {name!r}", f"use one of {', '.join(BUILT_IN)}, or a path ending in .toml"
        )
    return _parsed(text, name)


@lru_cache(maxsize=64)
def _parsed(text: str, name: str) -> Profile:
    """The same text is read at every look at a programme."""
    return parse(text, name)


def parse(text: str, name: str) -> Profile:
    """A profile from TOML text. `name` is for messages. Raises BadProfile."""
    try:
        return Profile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise BadProfile(f"the profile {name} is not TOML: {error}") from None
    except ValidationError as error:
        first: Any = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        line = _line_of(text, [str(part) for part in first["loc"]])
        what = "unknown key" if first["type"] == "extra_forbidden" else first["msg"]
        raise BadProfile(f"the profile {name}, line {line}: {where}: {what}") from None


_TABLE = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*(["']?)([\w-]+)\1\s*[=.]""")


def _line_of(text: str, path: list[str]) -> int:
    """The line where a key stands, else where its table begins (of its own, dotted or inline); 1 for neither."""
    table, key = (path[0], path[1]) if len(path) > 1 and not path[1].isdigit() else ("", path[0])
    section, best = "", 1
    for number, line in enumerate(text.splitlines(), start=1):
        head, name = _TABLE.match(line), _KEY.match(line)
        if head:
            section = head.group(1).strip("\"'")
            if section in (table, key, f"{table}.{key}"):
                best = number
        elif name and section == table and name.group(2) == key:
            return number
        elif name and not section and name.group(2) == table and (best == 1 or key in line):
            best = number
    return best
