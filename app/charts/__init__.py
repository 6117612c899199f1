"""Charts as values in, text or bytes out: Vega-Lite specs, the same as SVG and PNG, and the badge.

No database, no HTTP, no clock. May import `app.core`. `worker.py` runs in a process of its own, and imports nothing of
this project.
"""
