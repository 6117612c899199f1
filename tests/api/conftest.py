"""Makes `tests.api.house` importable however pytest is started."""

import sys
from pathlib import Path

ROOT = str(Path(__file__).parents[2])
if ROOT not in sys.path:
    sys.path.append(ROOT)

from collections.abc import Iterator  # noqa: E402

import pytest  # noqa: E402

from app.settings import Settings  # noqa: E402
from tests.api.house import SECRET, House, open_house  # noqa: E402


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_token_of_tests")
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    settings = Settings(_env_file=None, import_max_bytes=100_000, webhook_max_bytes=50_000, debounce=0.05)
    with open_house(tmp_path, settings) as opened:
        yield opened
