"""The roadmap: a Markdown document read into the tree, brought up to date in place, or written from a tree.

`values.py` holds what goes in and comes out, `blocks.py` the document's blocks with their places in the source (and
the limits on what is read at all), `words.py` the grammar inside a line, `windows.py` the dating of windows,
`reader.py` the walk that gathers drafts of milestones and tasks, `settle.py` their settling into a programme, and
`writer.py` the way back. Pure; may import `app.core`, the standard library and markdown-it-py.
"""

from mappings.roadmap.settle import read
from mappings.roadmap.values import MAX_BYTES, Figure, Problem, Reading, RoadmapRefused
from mappings.roadmap.windows import read_window
from mappings.roadmap.writer import render, write_back

__all__ = ["MAX_BYTES", "Figure", "Problem", "Reading", "RoadmapRefused", "read", "read_window", "render", "write_back"]
