"""Trackers in a box: stateful GitHub and GitLab over real HTTP, to rehearse and test against.

Written from the trackers' documentation; shares no code with `connectors/github` and `connectors/gitlab`, so that one
checks the other. `kit.py` is what both boxes share. May import the standard library, FastAPI, httpx, Jinja2,
graphql-core.
"""
