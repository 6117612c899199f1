"""One box for the tests of a class, one place in it for each test, and whatever varies by what a tracker holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.bench import Bench
from tests.conformance.failing import CASES, PAGES, RAISED, SOME
from tests.conformance.site import Site, site
from tests.databases import migrated


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`shape` and `profile` run over what the class's bench declares; that it declares right is a test too. Of the ways
    to fail a bench has all, or some where another of its kind has all.
    """
    bench_type: type[Bench] | None = getattr(metafunc.cls, "bench_type", None)
    if bench_type is None:
        return
    if "shape" in metafunc.fixturenames:
        metafunc.parametrize("shape", bench_type.shapes)
    if "profile" in metafunc.fixturenames:
        metafunc.parametrize("profile", bench_type.profiles)
    for name, cases in (("fault", CASES), ("failed", PAGES), ("raised", RAISED)):
        if name in metafunc.fixturenames:
            some = [case for case in cases if bench_type.thorough or case.reason in SOME]
            metafunc.parametrize(name, some, ids=lambda case: case.reason)


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables, to be copied."""
    file = tmp_path_factory.mktemp("blank") / "milepost.db"
    migrated(f"sqlite:///{file}").close()
    return file


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("conformance")


@pytest.fixture(scope="class")
def served(request: pytest.FixtureRequest) -> Iterator[Site]:
    with site(request.cls.bench_type.box()) as opened:
        yield opened


@pytest.fixture
def bench(request: pytest.FixtureRequest, served: Site, folder: Path, blank: Path) -> Iterator[Bench]:
    opened: Bench = request.cls.bench_type(served, folder, blank)
    yield opened
    opened.close()
