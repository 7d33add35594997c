"""Ports for the servers that tests start."""

import os
import socket
from itertools import count
from random import randrange

_FIRST, _EACH = 20_000, 1_000
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_next = count(randrange(_EACH))


def free_port() -> int:
    """Give a port that nobody listens on and no other test will be given meanwhile.

    They lie below those that the system gives to outgoing connections, in a range of each worker's own: between the
    look and the server's start nobody takes them.
    """
    for _ in range(_EACH):
        port = _FIRST + _WORKER % 10 * _EACH + next(_next) % _EACH
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise OSError(f"no free port from {_FIRST + _WORKER % 10 * _EACH}")
