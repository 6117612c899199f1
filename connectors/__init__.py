"""Trackers. `base.py` is the contract; `github/` and `gitlab/` keep it, with the same file names in each:
`client.py` (IO), `convert.py` (pure: JSON <-> core values), `webhook.py`. `sandbox/` is both trackers in a box.

May import `app.core` and nothing else of the project.
"""
