"""Webhook calls from trackers: `inbox.py` verifies and stores each once, `routes.py` is its HTTP door.

A call only says "look again": its body isn't kept. May import `app.sync` and what it stands on.
"""

from app.webhooks.routes import routes

__all__ = ["routes"]
