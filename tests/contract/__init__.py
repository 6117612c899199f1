"""What the connectors send and the sandboxes answer, held against the trackers' own descriptions.

`fetch.py` brings GitHub's (npm, pinned), `traffic.py` records what goes over the wire, `openapi.py` and `gql.py` judge
it. The GitLab endpoints that no description covers are in `gitlab_pages.py`, with the page each was built from.
"""
