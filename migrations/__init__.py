"""The schema's history (Alembic). `versions/` holds one file a change; `milepost db upgrade` runs them."""

HEAD = "0007"
"""The newest revision, so that a command can tell a current schema without loading Alembic. A test holds it."""
