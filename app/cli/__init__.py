"""The command line: one module a group of commands. `output.py` is how they speak.

May import everything of `app`, `connectors` and `mappings`.
"""

from app.cli.run import main

__all__ = ["main"]
