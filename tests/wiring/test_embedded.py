import os
import signal
from pathlib import Path

import psutil
import psycopg
import pytest
import redis as redis_client

from wiring.embedded import FAST_SETTINGS, EmbeddedError, EmbeddedServices, start_embedded
from wiring.instance import AlreadyRunning, InstanceInfo, running_instance
from wiring.processes import ManagedProcess, leftovers


def _postmaster(services: EmbeddedServices) -> psutil.Process:
    pid = next(server.process.pid for server in services.servers if server.process.name == "postgres")
    assert pid
    return psutil.Process(pid)


def _query(services: EmbeddedServices, statement: str) -> object:
    assert services.database_url
    with psycopg.connect(services.database_url) as connection:
        row = connection.execute(statement.encode()).fetchone()
        return row[0] if row else None


def test_both_servers_answer_and_stop_with_the_block(tmp_path: Path) -> None:
    with start_embedded(tmp_path, postgres_settings=FAST_SETTINGS) as services:
        assert services.redis_url
        pids = [server.process.pid for server in services.servers]
        assert _query(services, "SELECT lower('AÇÃO')") == "ação"
        with redis_client.Redis.from_url(services.redis_url) as client:
            assert client.ping()

    assert not any(psutil.pid_exists(pid) for pid in pids if pid)


def test_data_is_kept_between_two_starts(tmp_path: Path) -> None:
    with start_embedded(tmp_path, redis=False) as services:
        assert services.database_url
        with psycopg.connect(services.database_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS value")

    with start_embedded(tmp_path, redis=False) as services:
        assert _query(services, "SELECT value FROM kept") == 7


def test_redis_asks_for_its_password(tmp_path: Path) -> None:
    with start_embedded(tmp_path, postgres=False) as services:
        assert services.redis_url
        port = int(services.redis_url.rsplit(":", 1)[1].split("/")[0])
        with redis_client.Redis(port=port) as stranger, pytest.raises(redis_client.AuthenticationError):
            stranger.ping()
        assert oct((tmp_path / "redis" / "redis.conf").stat().st_mode & 0o777) == "0o600"


def test_second_start_on_the_same_folder_says_who_runs(tmp_path: Path) -> None:
    with start_embedded(tmp_path, postgres=False) as services:
        services.instance.publish(InstanceInfo(pid=os.getpid(), pages_url="http://127.0.0.1:8080"))

        with pytest.raises(AlreadyRunning, match=r"already running .*http://127\.0\.0\.1:8080"):
            start_embedded(tmp_path, postgres=False).__enter__()

        found = running_instance(tmp_path)
        assert found
        assert found.pid == os.getpid()
    assert running_instance(tmp_path) is None


def test_start_recovers_after_the_postmaster_was_killed(tmp_path: Path) -> None:
    with start_embedded(tmp_path, redis=False) as services:
        assert services.database_url
        with psycopg.connect(services.database_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS value")
        _postmaster(services).kill()

    with start_embedded(tmp_path, redis=False) as services:
        assert _query(services, "SELECT count(*) FROM kept") == 1000


def test_start_ends_a_server_that_a_killed_run_left_behind(tmp_path: Path) -> None:
    with start_embedded(tmp_path, redis=False) as services:
        first = services.servers[0].process
        assert first.process
        # The state after a kill -9 of the whole run where the kernel did not tie the child to its parent.
        orphan = ManagedProcess(
            name="orphan", argv=first.argv, env=first.env, user=first.user, cwd=first.cwd, log_path=tmp_path / "o.log"
        )
        first.stop()
        orphan.start()
        assert orphan.process
        server = services.servers[0]
        while not (tmp_path / "postgres" / "postmaster.pid").exists():
            assert orphan.is_running()
        first.process = None
        assert not server.is_ready()

    with start_embedded(tmp_path, redis=False) as services:
        assert orphan.process.wait(timeout=10) is not None
        assert _query(services, "SELECT 1") == 1
        assert {process.pid for process in leftovers("postgres", tmp_path / "postgres")} >= {_postmaster(services).pid}
    assert leftovers("postgres", tmp_path / "postgres") == []


def test_pid_file_that_names_a_stranger_does_not_stop_the_start(tmp_path: Path) -> None:
    with start_embedded(tmp_path, redis=False):
        pass
    (tmp_path / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}\n1\n5432\n\n\n0 0\nready\n")

    with start_embedded(tmp_path, redis=False) as services:
        assert _query(services, "SELECT 1") == 1
    assert psutil.pid_exists(os.getpid())


def test_half_made_database_folder_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "postgres.new").mkdir()
    (tmp_path / "postgres.new" / "PG_VERSION").write_text("18\n")
    (tmp_path / "postgres").mkdir()

    with start_embedded(tmp_path, redis=False) as services:
        assert _query(services, "SELECT 1") == 1


def test_folder_of_another_postgres_version_is_refused_in_clear_words(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("12\n")

    with pytest.raises(EmbeddedError, match="made by PostgreSQL 12"):
        start_embedded(tmp_path, redis=False).__enter__()


@pytest.mark.parametrize("name", ["a" * 120, "com espaço, vírgula e ação", "per%cent?host=x"])
def test_long_and_odd_data_folders_work(tmp_path: Path, name: str) -> None:
    with start_embedded(tmp_path / name) as services:
        assert services.redis_url
        assert _query(services, "SELECT 1") == 1
        with redis_client.Redis.from_url(services.redis_url) as client:
            assert client.ping()


def test_unreadable_redis_files_are_set_aside(tmp_path: Path) -> None:
    with start_embedded(tmp_path, postgres=False) as services:
        assert services.redis_url
        with redis_client.Redis.from_url(services.redis_url) as client:
            client.set("a", "1")
    journals = [path for path in (tmp_path / "redis").rglob("*.aof*") if path.is_file()]
    assert journals
    for path in journals:
        path.write_bytes(b"*3\r\nnonsense\r\n$1\r\n" * 5)

    with start_embedded(tmp_path, postgres=False) as services:
        assert services.redis_url
        with redis_client.Redis.from_url(services.redis_url) as client:
            assert client.ping()
    assert (tmp_path / "redis.unreadable").is_dir()


def test_kill_of_redis_loses_nothing_that_was_synced(tmp_path: Path) -> None:
    with start_embedded(tmp_path, postgres=False) as services:
        assert services.redis_url
        with redis_client.Redis.from_url(services.redis_url) as client:
            client.config_set("appendfsync", "always")
            client.set("a", "1")
        pid = services.servers[0].process.pid
        assert pid
        os.kill(pid, signal.SIGKILL)

    with start_embedded(tmp_path, postgres=False) as services:
        assert services.redis_url
        with redis_client.Redis.from_url(services.redis_url) as client:
            assert client.get("a") == b"1"
