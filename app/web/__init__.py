"""Pages for people, made on the server: `base.py` what each stands on, `pages.py` logging in and the reference,
`programmes.py`, `targets.py` and `runs.py` the dashboard, `imports.py` how roadmaps come in, `templates/` (Jinja2) and
`static/` their looks. They work without scripts; `static/live.js` only loads them again when something has changed.
Nothing comes from elsewhere: the Content-Security-Policy forbids it.

May import `app.access` and `app.sync`, and what they stand on.
"""

from app.web.base import Doors, is_page, refusal
from app.web.pages import install

__all__ = ["Doors", "install", "is_page", "refusal"]
