"""GitHub, and GitHub Enterprise Server: read with httpx, written with PyGithub, one attempt each.

`client.py` has the verbs, `cursor.py` how reads go on from the last one, `wire.py` writes and what their failures
mean, `auth.py` the token both share, `convert.py` JSON to core values and back (pure), `webhook.py` GitHub's calls.
May import `app.core`, `connectors.base`, `connectors.http`, httpx and PyGithub.
"""

from connectors.github.client import GitHub, open_github
from connectors.github.webhook import parse_delivery

__all__ = ["GitHub", "open_github", "parse_delivery"]
