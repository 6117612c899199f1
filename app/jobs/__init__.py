"""What runs when: `queue.py` runs jobs in threads, `schedule.py` decides which target is read again and when,
`runs.py` carries plans out in the background and stops them on request.

What must survive is in the database: deliveries, last reads, runs, leases. The memory kept here may be lost at any
time. May import `app.sync` and what it stands on.
"""

from app.jobs.queue import Queue
from app.jobs.runs import Runs
from app.jobs.schedule import Schedule

__all__ = ["Queue", "Runs", "Schedule"]
