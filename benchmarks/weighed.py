"""Run a command and write what it cost: `python -I -S weighed.py FILE COMMAND…`; exits as the command did.

A small process of its own because the peak that Linux tells of a child counts what its parent held when it was started:
under a benchmark that holds much, every child would seem to. The floor is this process, some 10 MiB.
"""

import json
import os
import sys
import time


def main() -> None:
    """FILE gets {"seconds": from start to exit, "cpu": seconds, "peak": bytes of memory held at most}."""
    out, *command = sys.argv[1:]
    began = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ)
    _, status, used = os.wait4(child, 0)
    seconds = time.perf_counter() - began
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes there, KiB on Linux
    with open(out, "w", encoding="ascii") as file:
        cpu = used.ru_utime + used.ru_stime
        json.dump({"seconds": seconds, "cpu": cpu, "peak": used.ru_maxrss * unit}, file)
    sys.exit(os.waitstatus_to_exitcode(status) and 1)


if __name__ == "__main__":
    main()
