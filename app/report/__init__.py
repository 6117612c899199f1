"""The report that nobody has to write: from values to Markdown, HTML, JSON, and the tree as CSV.

Pure: values in, text out; no database, no HTTP, no clock. May import `app.core`. Charts come in as SVG text.
"""
