"""GitHub in a box: REST, GraphQL, webhooks and a page for people, over one in-memory store.

`model.py` holds the records, `state.py` and `issues.py` change them, `render.py` shows them as REST JSON, `hooks.py`
tells others. `api.py` is the API's door, `rest.py`, `rest_hooks.py` and `graphql.py` its verbs; `page.py` is for
people, `control.py` for tests. Written from GitHub's documentation and OpenAPI description.
"""

from connectors.sandbox.github.box import GitHubBox

__all__ = ["GitHubBox"]
