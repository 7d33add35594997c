"""What the tests of whole runs share."""

import multiprocessing
from multiprocessing import forkserver

import pytest

from tests.system.launch import LOADED


@pytest.fixture(scope="session")
def loaded_processes() -> None:
    """Let the processes that tests start be forked from one that has imported everything, whoever starts the first."""
    multiprocessing.get_context("forkserver").set_forkserver_preload([*LOADED, "evals.runner"])
    forkserver.ensure_running()
