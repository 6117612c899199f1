"""GitLab: `client.py` keeps the contract of `connectors.base`, by `reads.py` (httpx) and `writes.py` (python-gitlab);
`check.py` is `target check`. Pure: `convert.py` (JSON <-> core values), `graphql.py` (documents), `refusals.py` (what a
no means), `webhook.py`.

May import `app.core`, `connectors.base`, `connectors.http`, httpx, requests, python-gitlab and gql.
"""

from connectors.gitlab.client import GitLab, open_gitlab
from connectors.gitlab.webhook import parse_delivery

__all__ = ["GitLab", "open_gitlab", "parse_delivery"]
