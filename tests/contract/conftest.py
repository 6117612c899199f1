"""The descriptions, and the traffic that is held against them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from graphql import GraphQLSchema, build_ast_schema, parse

from tests.contract import fetch, github_pages, github_traffic, gitlab_pages, gitlab_traffic
from tests.contract.gql import Described
from tests.contract.openapi import Description
from tests.contract.swagger import as_openapi
from tests.contract.webhooks import Calls
from tests.contract.younger import grown


def had(get: Callable[[], Path]) -> Path:
    """The file; the test is skipped, saying why, where this machine can't have it."""
    try:
        return get()
    except fetch.Absent as why:
        pytest.skip(str(why))


def loaded(package: fetch.Package) -> Any:
    return json.loads(had(lambda: fetch.fetched(package)).read_bytes())


@pytest.fixture(scope="session")
def github_rest() -> Description:
    """GitHub's description of its REST API."""
    return Description(loaded(fetch.REST), github_pages.GENERAL)


@pytest.fixture(scope="session")
def github_calls() -> Calls:
    """GitHub's description of its webhook calls."""
    return Calls(loaded(fetch.WEBHOOKS))


@pytest.fixture(scope="session")
def github_examples() -> Any:
    """GitHub's own examples of webhook calls: [{"name": event, "examples": [body, …]}, …]."""
    return loaded(fetch.EXAMPLES)


@pytest.fixture(scope="session")
def github_graphql() -> Described:
    """GitHub's GraphQL schema, with what is younger than it."""
    return Described(grown(schema_in(had(lambda: fetch.fetched(fetch.GRAPHQL))), github_pages.YOUNGER))


def schema_in(path: Path) -> GraphQLSchema:
    return build_ast_schema(parse(path.read_text(), no_location=True), assume_valid=True)


@pytest.fixture(scope="session")
def github_heard() -> Iterator[github_traffic.Heard]:
    """All that the GitHub connector and the GitHub box said to each other."""
    with github_traffic.played() as heard:
        yield heard


@pytest.fixture(scope="session")
def gitlab_document() -> Any:
    """GitLab's description of its REST API, as it is."""
    text = had(lambda: fetch.shared("gitlab-rest-issues.yaml")).read_bytes()
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, where it is there: 2 seconds rather than 20
    return yaml.load(text, Loader=loader)


@pytest.fixture(scope="session")
def gitlab_rest(gitlab_document: Any) -> Description:
    """GitLab's description of its REST API, corrected where `gitlab_pages` says."""
    return Description(as_openapi(gitlab_document, gitlab_pages.CORRECTIONS), gitlab_pages.GENERAL)


@pytest.fixture(scope="session")
def gitlab_heard() -> Iterator[gitlab_traffic.Heard]:
    """All that the GitLab connector and the GitLab boxes said to each other."""
    with gitlab_traffic.played() as heard:
        yield heard


@pytest.fixture(scope="session")
def gitlab_graphql() -> Described:
    """GitLab's GraphQL schema, with what is younger than it."""
    official = schema_in(had(lambda: fetch.shared("gitlab-graphql-2023-08.graphql")))
    return Described(grown(official, gitlab_pages.YOUNGER), gitlab_pages.LONGEST_DOCUMENT)
