"""Where words become the tree and the tree becomes what a target should hold: pure conversions, no IO.

`roadmap/` reads and writes the Markdown document, `profile.py` and `profiles/` say how nodes map to tracker objects,
`desired.py` applies that, `body.py` keeps the managed section. May import `app.core`, the standard library,
markdown-it-py, pydantic and rapidfuzz; never `connectors` or the rest of `app`.
"""
