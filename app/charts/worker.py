"""Draws charts in a process of its own: what is asked on stdin, what was drawn on stdout. Run by `render.py` alone.

A process of its own because vl-convert starts a JavaScript engine that never gives its memory back. This one leaves
when nobody asked it anything for a while, or when the process that started it is gone.

One request a line: {"kind": "svg" | "png" | "script", "spec": …, "config": …, "scale": …, "snippet": …}, as JSON. One
answer: a line {"ok": true, "size": N} and N bytes, or a line {"ok": false, "error": "…"}.
"""

from __future__ import annotations

import json
import os
import select
import sys
from typing import Any, BinaryIO

import vl_convert

VEGA_LITE = "6.4"


def draw(request: dict[str, Any]) -> bytes:
    """What was asked for, as bytes. Nothing is fetched: no address is allowed to a spec."""
    if request["kind"] == "script":
        return vl_convert.javascript_bundle(request["snippet"], vl_version=VEGA_LITE).encode()
    spec, config = request["spec"], request["config"]
    if request["kind"] == "png":
        return vl_convert.vegalite_to_png(
            spec, vl_version=VEGA_LITE, config=config, scale=request["scale"], allowed_base_urls=[]
        )
    return vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE, config=config, allowed_base_urls=[]).encode()


def answer(line: bytes, out: BinaryIO) -> None:
    """Draw what one line asks for and write the answer."""
    try:
        drawn = draw(json.loads(line))
    except Exception as fault:  # noqa: BLE001  # whatever it is, the asking process says it and goes on
        out.write(json.dumps({"ok": False, "error": " ".join(str(fault).split())[:500]}).encode() + b"\n")
    else:
        out.write(json.dumps({"ok": True, "size": len(drawn)}).encode() + b"\n" + drawn)
    out.flush()


def main(idle_seconds: float) -> None:
    """Answer until the other side closes, or has been silent for `idle_seconds`."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the engine prints must not stand among the answers
    asked = os.fdopen(0, "rb", buffering=0)
    while select.select([asked], [], [], idle_seconds)[0]:
        line = b""
        while not line.endswith(b"\n"):
            part = asked.readline()
            if not part:
                return
            line += part
        answer(line, out)


if __name__ == "__main__":
    main(float(sys.argv[1]))
