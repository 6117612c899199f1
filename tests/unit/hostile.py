"""Titles that people could write to make a page, a tracker, a spreadsheet or a reader do something."""

from __future__ import annotations

HOSTILE = {
    "html": '<img src=x onerror="alert(1)"><b>bold</b>',
    "script": "</script><script>alert(1)</script>",
    "svg": "</text></svg><foreignObject><iframe src=//e.example></iframe></foreignObject>",
    "entities": "&lt;b&gt; &amp;amp; ]]> <!-- x -->",
    "quotes": "\"double\" 'single' `back`",
    "markdown": "[a](http://e.example) ![i](http://e.example/i) **b** # h | cell",
    "mentions": "@someone #1 !2 group/project#3 https://e.example www.e.example :tada:",
    "turned": "safe \u202egnp.exe\u202c end \u2066x\u2069",
    "control": "a\x00b\x07c\x1bd\x7fe\x85f\ud800g\ufffeh",
    "lines": "one\r\ntwo\n# three\n/close",
    "wide": "漢" * 255,
    "long": "W" * 255,
    "formula": "=cmd|' /C calc'!A0",
    "proto": "__proto__",
    "expression": "{{7*7}} ${7*7} {% raw %} datum.x",
}
