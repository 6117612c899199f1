"""Every registered kind of tracker is held to the suite, with each of its profiles."""

from __future__ import annotations

import importlib
from pathlib import Path

from connectors import registry
from connectors.base import Kind
from tests.conformance.suite import ConnectorSuite


def suites() -> list[type[ConnectorSuite]]:
    for file in Path(__file__).parent.glob("test_*.py"):
        importlib.import_module(f"tests.conformance.{file.stem}")
    return [one for one in ConnectorSuite.__subclasses__() if one.__name__.startswith("Test")]


def unheld() -> set[tuple[str, str]]:
    """Kinds with their profiles that no class of the suite goes through."""
    held = {(one.bench_type.kind, name) for one in suites() for name in one.bench_type.profiles}
    return {(kind.name, name) for kind in registry.KINDS.values() for name in kind.profiles or ("",)} - held


def test_every_registered_kind_has_its_class() -> None:
    assert unheld() == set()
    assert len(suites()) == 4
    assert {one.bench_type.kind for one in suites()} == set(registry.KINDS)


def test_a_kind_without_a_class_would_be_told(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    known = registry.KINDS["github"]
    other = Kind("forgejo", "https://forge.example", known.open, known.parse_delivery, ("forgejo",))
    monkeypatch.setitem(registry.KINDS, "forgejo", other)
    assert unheld() == {("forgejo", "forgejo")}
