"""Who may do what: `roles.py` the ladder, `tokens.py` API tokens, `sessions.py` browsers that logged in, `attempts.py`
how often one may fail, `gate.py` who asks, `needs.py` what a route needs.

All but the last know nothing of HTTP. May import `app.db` and what it stands on.
"""

from app.access.gate import Gate
from app.access.roles import Forbidden, Role, TooManyFailures, Unauthenticated, Who

__all__ = ["Forbidden", "Gate", "Role", "TooManyFailures", "Unauthenticated", "Who"]
