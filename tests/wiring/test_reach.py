import os
from pathlib import Path

import psycopg
import pytest

from wiring.embedded import start_embedded
from wiring.instance import InstanceInfo, hold_data_dir, running_instance
from wiring.reach import reachable
from wiring.settings import Settings, SettingsError, load_settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return load_settings(env_file=None, data_dir=tmp_path / "data")


def test_urls_that_are_set_are_used_and_nothing_is_started(settings: Settings) -> None:
    given = settings.with_services(database_url="postgresql://u@h/d", redis_url="redis://h")

    with reachable(given) as found:
        assert found is given
    assert not settings.data_dir.exists()


def test_own_servers_run_for_the_block(settings: Settings) -> None:
    with reachable(settings) as found:
        with psycopg.connect(found.required_database_url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert found.encryption_key_ring()
        info = running_instance(settings.data_dir)
        assert info
        assert info.database_url == found.required_database_url()
    assert running_instance(settings.data_dir) is None


def test_running_service_is_found(settings: Settings) -> None:
    with start_embedded(settings.data_dir) as services:
        info = InstanceInfo(pid=os.getpid(), database_url=services.database_url, redis_url=services.redis_url)
        services.instance.publish(info)

        with reachable(settings, may_start=False) as found:
            assert found.required_database_url() == services.database_url
            assert found.required_redis_url() == services.redis_url


def test_process_that_may_not_start_servers_says_what_to_do(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="master-ia run"), reachable(settings, may_start=False):
        pass


def test_garbled_instance_file_is_not_believed(tmp_path: Path) -> None:
    with hold_data_dir(tmp_path):
        (tmp_path / "instance.json").write_text('{"pid": 1, "surprise": true}')
        assert running_instance(tmp_path) is None


def test_instance_file_is_private(tmp_path: Path) -> None:
    with hold_data_dir(tmp_path):
        assert oct((tmp_path / "instance.json").stat().st_mode & 0o777) == "0o600"
