"""What a job may tell the run that it belongs to: seeds, metrics, checkpoints, data.

The runner puts this module on the path of every job; it needs nothing but Python 3.8. Outside of a run every function does what
it can without one, prints nothing and writes nothing.
"""

from reprun_job._events import checkpoint as checkpoint
from reprun_job._events import data as data
from reprun_job._metrics import log as log
from reprun_job._seeding import seed_everything as seed_everything

__all__ = ["checkpoint", "data", "log", "seed_everything"]
