import socket
from collections.abc import Iterator

import pytest

from wiring.ports import PortTaken, choose_port, is_free, reachable_host


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_free_port_is_taken_as_it_is(taken: int) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]

    assert choose_port("127.0.0.1", free, variable="API_PORT", is_explicit=True) == free


def test_next_free_port_is_used_when_nobody_asked_for_this_one(taken: int) -> None:
    port = choose_port("127.0.0.1", taken, variable="API_PORT", is_explicit=False)

    assert port > taken
    assert is_free("127.0.0.1", port)


def test_explicit_port_that_is_taken_is_an_error_that_names_the_variable(taken: int) -> None:
    with pytest.raises(PortTaken, match=rf"Port {taken} is in use; set API_PORT"):
        choose_port("127.0.0.1", taken, variable="API_PORT", is_explicit=True)


def test_port_given_to_another_process_is_avoided() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]

    assert choose_port("127.0.0.1", free, variable="P", is_explicit=False, avoid=frozenset({free})) != free


def test_search_ends_at_the_last_port() -> None:
    with pytest.raises(PortTaken):
        choose_port("127.0.0.1", 65535, variable="P", is_explicit=False, avoid=frozenset({65535}))


@pytest.mark.parametrize(("host", "shown"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("10.0.0.5", "10.0.0.5")])
def test_address_shown_can_be_opened(host: str, shown: str) -> None:
    assert reachable_host(host) == shown
