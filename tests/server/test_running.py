import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from server.cli import app
from server.running import Addresses, announce, choose_ports, is_healthy, reset
from wiring.embedded import start_embedded
from wiring.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_taken_port_moves_the_service_and_its_public_address() -> None:
    lines: list[str] = []
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        settings = load_settings(env_file=None).model_copy()
        settings = Settings.model_construct(**(settings.model_dump() | {"api_port": port}), _fields_set=set())

        chosen = choose_ports(settings, lines.append)

    assert chosen.api_port != port
    assert chosen.public_base_url == f"http://127.0.0.1:{chosen.api_port}"
    assert any(f"Port {port} is in use; using {chosen.api_port}" in line for line in lines)


def test_public_address_the_operator_set_is_kept() -> None:
    settings = load_settings(env_file=None, public_base_url="https://bot.example.com")

    assert choose_ports(settings, lambda _line: None).public_base_url == "https://bot.example.com"


def test_addresses_are_printed() -> None:
    lines: list[str] = []

    announce(Addresses(api_url="http://127.0.0.1:8000", pages_url="http://127.0.0.1:8080"), lines.append)

    text = "\n".join(lines)
    assert "http://127.0.0.1:8080" in text
    assert "http://127.0.0.1:8000" in text


def test_health_of_nobody_is_bad() -> None:
    assert not is_healthy("http://127.0.0.1:1")


def test_reset_removes_only_what_the_service_made(tmp_path: Path) -> None:
    data = tmp_path / "data"
    settings = load_settings(env_file=None, data_dir=data)
    with start_embedded(data):
        settings.with_local_secrets()
    (data / "mine.txt").write_text("keep")
    lines: list[str] = []

    assert reset(settings, write=lines.append) == 0

    assert [path.name for path in data.iterdir()] == ["mine.txt"]
    assert "Removed" in lines[0]


def test_reset_refuses_while_the_service_runs(tmp_path: Path) -> None:
    settings = load_settings(env_file=None, data_dir=tmp_path)
    lines: list[str] = []

    with start_embedded(tmp_path, redis=False):
        assert reset(settings, write=lines.append) == 1

    assert "already running" in lines[0]
    assert (tmp_path / "postgres").exists()


def test_reset_leaves_an_external_database_alone(tmp_path: Path) -> None:
    settings = load_settings(env_file=None, data_dir=tmp_path, database_url="postgresql://u@h/d")
    lines: list[str] = []

    assert reset(settings, write=lines.append) == 1
    assert "DATABASE_URL is set" in lines[0]


@pytest.mark.parametrize("command", [["serve", "api"], ["serve", "pages"], ["clock"], ["worker"]])
def test_single_process_without_a_database_says_what_to_do(command: list[str]) -> None:
    result = CliRunner().invoke(app, command)

    assert result.exit_code == 1
    assert "master-ia run" in result.output


def test_unknown_queue_is_refused_with_the_known_ones() -> None:
    result = CliRunner().invoke(app, ["worker", "nonsense"])

    assert result.exit_code == 1
    assert "delivery" in result.output


@pytest.mark.parametrize("command", [["run"], ["doctor"], ["migrate"], ["worker"]])
def test_wrong_setting_is_one_clear_message(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://canary@h/d")

    result = CliRunner().invoke(app, command)

    assert result.exit_code == 1
    assert "DATABASE_URL" in result.output
    assert "canary" not in result.output
    assert "Traceback" not in result.output


def test_migrate_says_what_it_applied_and_then_that_nothing_is_left(
    empty_database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)

    first, second = CliRunner().invoke(app, ["migrate"]), CliRunner().invoke(app, ["migrate"])

    assert "applied" in first.output
    assert "up to date" in second.output
