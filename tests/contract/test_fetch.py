"""Fetching a description: once, by the pinned hash, and with a plain reason where it can't be had."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.contract import fetch

Npm = Callable[[str], Path]


@pytest.fixture
def archive() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        entry = tarfile.TarInfo("package/generated/one.json")
        entry.size = 2
        tar.addfile(entry, io.BytesIO(b"{}"))
    return packed.getvalue()


@pytest.fixture
def package(archive: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> fetch.Package:
    monkeypatch.setattr(fetch, "CACHE", tmp_path / "cache")
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
    return fetch.Package("@some/thing", "1.2.3", integrity, "generated/one.json")


@pytest.fixture
def npm(archive: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Npm:
    """Makes an npm that runs this shell code in the folder where it is called; gives the log of its calls."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "archive.tgz").write_bytes(archive)

    def make(code: str) -> Path:
        script, log = folder / "npm", folder / "log"
        script.write_text(f'#!/bin/sh\necho "$@" >> "{log}"\n{code}\n')
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        return log

    return make


def good(npm: Npm, tmp_path: Path) -> Path:
    return npm(f'sleep 0.05; cp "{tmp_path}/bin/archive.tgz" ./some-thing-1.2.3.tgz')


def test_two_at_once_fetch_once(package: fetch.Package, npm: Npm, tmp_path: Path) -> None:
    log = good(npm, tmp_path)
    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(lambda _: fetch.fetched(package), range(4)))
    assert [path.read_text() for path in paths] == ["{}"]
    [call] = log.read_text().splitlines()
    assert call.startswith("pack ")
    assert call.endswith(" @some/thing@1.2.3")
    assert sorted(one.name for one in fetch.CACHE.iterdir()) == ["lock", "some-thing-1.2.3"]


def test_another_hash_is_no_reason_to_skip(package: fetch.Package, npm: Npm, tmp_path: Path) -> None:
    good(npm, tmp_path)
    (tmp_path / "bin/archive.tgz").write_bytes(b"something else")
    with pytest.raises(fetch.Tampered, match=r"@some/thing 1\.2\.3 has not the pinned hash"):
        fetch.fetched(package)
    assert not package.path.exists()


def test_without_npm(package: fetch.Package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(fetch.Absent, match="there is no npm on this machine"):
        fetch.fetched(package)


def test_without_a_registry(package: fetch.Package, npm: Npm) -> None:
    npm('echo "npm error code ECONNREFUSED" >&2; echo "npm error https://registry.example/secret" >&2; exit 1')
    with pytest.raises(fetch.Absent) as caught:
        fetch.fetched(package)
    assert str(caught.value) == "@some/thing@1.2.3 is not fetched: npm says ECONNREFUSED"


def test_without_the_shared_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fetch, "SHARED", tmp_path)
    with pytest.raises(fetch.Absent, match=r"\.\./shared/contracts/gitlab\.yaml is not beside this project"):
        fetch.shared("gitlab.yaml")


@pytest.mark.parametrize("package", fetch.PACKAGES, ids=lambda one: one.name)
def test_every_package_is_pinned(package: fetch.Package) -> None:
    assert package.integrity.startswith("sha512-")
    assert len(base64.b64decode(package.integrity.removeprefix("sha512-"))) == 64
    assert package.version.count(".") == 2
