"""What runs when: `schedule.py` decides which target is read again and when, `queue.py` and `shared.py` are where its
jobs are done, `runs.py` carries plans out in the background and stops them on request; `service.py` puts them together;
`days.py` sees to the ends of days.

What must survive is in the database: deliveries, last reads, runs, leases. The memory kept here may be lost at any
time. May import `app.sync` and what it stands on.
"""

from app.jobs.days import Days
from app.jobs.queue import LocalQueue, Queue
from app.jobs.runs import Runs
from app.jobs.schedule import Schedule
from app.jobs.service import ACTOR, Jobs

__all__ = ["ACTOR", "Days", "Jobs", "LocalQueue", "Queue", "Runs", "Schedule"]
