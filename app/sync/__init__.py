"""The verbs: import and export a roadmap, make and apply plans, refresh, tell the status.

May import `app.db`, `app.core`, `connectors`, `mappings`.
"""
