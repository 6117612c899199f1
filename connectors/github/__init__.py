"""GitHub, and GitHub Enterprise Server: read with httpx, written with PyGithub, one attempt each.

`client.py` has the verbs, `session.py` the repository and the way to it, `wire.py` writes and what their failures mean,
`auth.py` the token. By concern: `reads.py` (how reads go on: `cursor.py`), `writes.py`, `links.py` (what blocks what),
`hooks.py` (webhooks set up, and what they missed), `check.py`. Pure: `convert.py` (JSON to core values and back),
`webhook.py` (GitHub's calls).
May import `app.core`, `connectors.base`, `connectors.http`, httpx and PyGithub.
"""

from connectors.github.client import GitHub, open_github
from connectors.github.webhook import parse_delivery

__all__ = ["GitHub", "open_github", "parse_delivery"]
