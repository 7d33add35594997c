"""Choose the TCP ports to listen on."""

import errno
import socket

_TRIES = 100


class PortTaken(RuntimeError):
    """Say which port is in use and what to do."""

    def __init__(self, variable: str, port: int) -> None:
        super().__init__(
            f"Port {port} is in use; set {variable} to another one, or leave it empty to take the next free."
        )
        self.port = port


def is_free(host: str, port: int) -> bool:
    """Say whether `port` can be listened on. Raises OSError when the host itself is wrong."""
    family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
        0
    ]
    with socket.socket(family, kind, proto) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True


def choose_port(host: str, port: int, *, variable: str, is_explicit: bool, avoid: frozenset[int] = frozenset()) -> int:
    """Give `port`, or the next free one; raise PortTaken when the operator asked for exactly this one."""
    if port not in avoid and is_free(host, port):
        return port
    if is_explicit:
        raise PortTaken(variable, port)
    for candidate in range(port + 1, min(port + _TRIES, 65535) + 1):
        if candidate not in avoid and is_free(host, candidate):
            return candidate
    raise PortTaken(variable, port)


def reachable_host(host: str) -> str:
    """Give the host a browser on this machine can use for one that listens on every address."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared, not bound
