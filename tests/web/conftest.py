"""One house with a lock for all tests of the pages, emptied for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.settings import Settings
from tests.api.house import SECRET
from tests.api.keys import Locked, locked_house


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    with locked_house(tmp_path_factory.mktemp("pages"), Settings(_env_file=None, debounce=0.05)) as locked:
        yield locked


@pytest.fixture
def locked(opened: Locked, monkeypatch: pytest.MonkeyPatch) -> Iterator[Locked]:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_token_of_tests")
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    opened.house.empty()
    opened.forget_failures()
    yield opened
    for client in (opened.nobody, opened.stranger, *opened.people.values()):
        client.cookies.clear()
