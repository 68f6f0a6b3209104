"""Settings of all tests.

Where every landing must pass, property tests draw the same examples each time; elsewhere they draw new ones. Threads
that wait do so asleep, as in the command line. Where tests run side by side, each process has one thread.
"""

from __future__ import annotations

import os

from hypothesis import settings

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch is loaded
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
settings.register_profile("local", deadline=None)  # time is no matter of tests
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")
