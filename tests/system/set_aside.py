"""Loaded last by the server that forks (launch.py): what it has loaded, no process that it forks looks through again.

Each would otherwise do so at its start, through everything that was ever imported, and get a copy of its own of it all.
"""

import gc

from domain.money import format_brl
from server.app import work_out_routes

format_brl(1)  # the first amount loads the language's formats
work_out_routes()
gc.collect()
gc.freeze()
