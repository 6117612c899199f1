"""One house for all tests of a process, emptied for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.settings import Settings
from tests.api.house import SECRET, House, open_house


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    settings = Settings(_env_file=None, import_max_bytes=100_000, webhook_max_bytes=50_000, debounce=0.05)
    with open_house(tmp_path_factory.mktemp("house"), settings) as house:
        yield house


@pytest.fixture
def house(opened: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """A service without programmes, and a repository of its own in the box."""
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_token_of_tests")
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    opened.empty()
    return opened
