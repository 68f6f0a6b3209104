"""What the tests of runs share: one run that nothing has disturbed."""

from __future__ import annotations

import pytest

from eyechart.store.run_folder import Run
from small_run import small_run


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return small_run(tmp_path_factory.mktemp("undisturbed") / "run")
