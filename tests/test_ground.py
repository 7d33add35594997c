"""The ground the other tests stand on."""

import asyncio
import socket
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import redis as redis_client

from tests.conftest import OutsideConnection
from tests.fakes_clock import DEFAULT_NOW, FakeClock


def test_connection_to_an_outside_address_is_refused() -> None:
    with pytest.raises(OutsideConnection):
        socket.create_connection(("203.0.113.1", 80), timeout=1)


def test_look_up_of_an_outside_name_is_refused() -> None:
    with pytest.raises(OutsideConnection):
        socket.getaddrinfo("graph.facebook.com", 443)


async def test_async_connection_to_the_outside_is_refused() -> None:
    with pytest.raises(OutsideConnection):
        await asyncio.open_connection("203.0.113.1", 80)


def test_loopback_is_allowed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


@pytest.mark.parametrize("_round", [1, 2])
def test_each_test_has_a_migrated_database_of_its_own(database_url: str, _round: int) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT to_regclass('conversations')").fetchone() != (None,)
        connection.execute("CREATE TABLE left_behind ()")  # fails in the second round if the database were shared


def test_clean_redis_is_empty(clean_redis_url: str) -> None:
    with redis_client.Redis.from_url(clean_redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_clock_stands_still_until_moved(clock: FakeClock) -> None:
    assert clock.now() == clock.now() == DEFAULT_NOW

    clock.advance(minutes=1, seconds=1)
    clock.advance(timedelta(days=1))

    assert clock.now() - DEFAULT_NOW == timedelta(days=1, seconds=61)
    assert clock.now().tzinfo is UTC


def test_clock_refuses_naive_instants(clock: FakeClock) -> None:
    with pytest.raises(ValueError, match="aware"):
        clock.set(datetime(2026, 1, 1))  # noqa: DTZ001
