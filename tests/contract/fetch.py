"""GitHub's official descriptions out of npm, at pinned versions, into `.cache/contracts` of the project.

Fetched once, by `npm pack`, so that the machine's own npm configuration says from where. What came must have the
pinned hash. Several test processes can ask at once: one fetches, the others wait for it.
`python -m tests.contract.fetch` does it by hand.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
CACHE = PROJECT / ".cache" / "contracts"
SHARED = PROJECT.parent / "shared" / "contracts"  # GitLab's, which no registry has
SECONDS = 300


class Absent(Exception):
    """A description can't be had here, for a reason that is no fault of the code: no npm, no network, no file."""


class Tampered(Exception):
    """What the registry gave is not what was pinned."""


@dataclass(frozen=True, slots=True)
class Package:
    """An npm package: `integrity` is npm's own word for the hash of its archive, `file` what is wanted out of it."""

    name: str
    version: str
    integrity: str
    file: str

    @property
    def path(self) -> Path:
        """Where the wanted file is kept."""
        return CACHE / f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}" / Path(self.file).name


REST = Package(
    "@octokit/openapi",
    "23.0.2",
    "sha512-pV8M7L9GY23AybNvTmo2nyjmpmnt6+2sRE/tqr0ZLQcPS4lnw7u5eZGNmwRNkBC3D7gZXbFx5AHzLUVRBXGDhg==",
    "generated/api.github.com.json",
)
WEBHOOKS = Package(
    "@octokit/openapi-webhooks",
    "12.1.0",
    "sha512-Z5eDsLCUNbx1zHpZb1LNQirADqdMTvWJQ/deahi0ws+tWWnwHXB+Pr4jfmM9OrETS9Y5iW8ZRu1fdbudObhLrg==",
    "generated/api.github.com.json",
)
EXAMPLES = Package(
    "@octokit/webhooks-examples",
    "7.6.1",
    "sha512-De6U3XB6O3DtCa7bKgCMzTHdeopqqZ6SNivMYJnK65ierKL1AnNIA0tkRYCRS7lwGT792d+Ps1WbfHlso6MynQ==",
    "api.github.com/index.json",
)
GRAPHQL = Package(
    "@octokit/graphql-schema",
    "15.26.1",
    "sha512-RFDC2MpRBd4AxSRvUeBIVeBU7ojN/SxDfALUd7iVYOSeEK3gZaqR2MGOysj4Zh2xj2RY5fQAUT+Oqq7hWTraMA==",
    "schema.graphql",
)
PACKAGES = (REST, WEBHOOKS, EXAMPLES, GRAPHQL)


def fetched(package: Package) -> Path:
    """The package's wanted file. Raises Absent where it can't be fetched, Tampered where the hash is another."""
    if not package.path.exists():
        with _alone():
            if not package.path.exists():
                _fetch(package)
    return package.path


def shared(name: str) -> Path:
    """A description of GitLab's, kept beside the project. Raises Absent."""
    path = SHARED / name
    if not path.exists():
        raise Absent(f"../shared/contracts/{name} is not beside this project")
    return path


@contextmanager
def _alone() -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(package: Package) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise Absent(f"{package.name} is not fetched: there is no npm on this machine")
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        archive = _packed(npm, package, Path(folder))
        hashed = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if f"sha512-{hashed}" != package.integrity:
            raise Tampered(f"{package.name} {package.version} has not the pinned hash: sha512-{hashed}")
        with tarfile.open(archive) as packed:
            wanted = packed.extractfile(f"package/{package.file}")
            assert wanted is not None, package.file
            unfinished = Path(folder) / "wanted"
            with wanted, unfinished.open("wb") as out:
                shutil.copyfileobj(wanted, out)
        package.path.parent.mkdir(exist_ok=True)
        unfinished.replace(package.path)


def _packed(npm: str, package: Package, folder: Path) -> Path:
    """The archive as npm fetched it. The retries are few and short, so that a machine without network is told soon."""
    retries = ("--fetch-retries=2", "--fetch-retry-mintimeout=500", "--fetch-retry-maxtimeout=3000")
    patience = (*retries, "--fetch-timeout=120000")
    wanted = f"{package.name}@{package.version}"
    command = (npm, "pack", "--loglevel=error", "--ignore-scripts", *patience, wanted)
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Absent(f"{package.name} is not fetched: npm took more than {SECONDS} seconds") from None
    archives = list(folder.glob("*.tgz"))
    if done.returncode or len(archives) != 1:
        code = re.search(r"code (\w+)", done.stderr)  # no more of it: it holds the registry's address
        raise Absent(f"{wanted} is not fetched: npm says {code[1] if code else done.returncode}")
    return archives[0]


if __name__ == "__main__":
    for one in PACKAGES:
        print(fetched(one))  # noqa: T201
