"""Pages for people, made on the server: `pages.py` their routes, `reference.py` what /docs shows, `templates/` (Jinja2)
and `static/` their looks. No script, and nothing from elsewhere: the Content-Security-Policy forbids both.

May import `app.access`, and what it stands on.
"""

from app.web.pages import install

__all__ = ["install"]
