"""The chat in the terminal as people use it: a process of its own against a running api."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator

import psycopg
import pytest

from server.chat import main
from tests.pages.service import Service, running_service
from tests.ports import free_port
from tests.server.piped import run_piped

# The command line's `chat` does the same after it has found the database.
_MAIN = (
    "import sys; from wiring.logging import configure_logging; from wiring.settings import load_settings;"
    "settings = load_settings(env_file=None); configure_logging(settings, process='chat');"
    "from server.chat import main; sys.exit(main(settings, *sys.argv[1:]))"
)
_SECONDS = 60


@pytest.fixture(scope="module")
def service(
    postgres_url: str, template_database: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Give the api alone: the chat needs no pages."""
    folder = tmp_path_factory.mktemp("chat")
    with running_service(
        postgres_url, template_database, redis_url=redis_url, folder=folder, names=("api",)
    ) as running:
        yield running


def chat(service: Service, *arguments: str, typed: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = service.environment() | {"LOG_LEVEL": "ERROR"} | environment
    return run_piped(main, arguments, typed=typed, environment=given, seconds=_SECONDS)


def test_negotiation_ends_in_a_stored_promise(service: Service) -> None:
    typed = "2\noi, quero ver minha fatura\n111.444.777-35\nposso pagar sexta que vem\n/trace\nsim\n/sair\n"
    done = chat(service, typed=typed)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "2  João Pereira dos Santos    1 fatura vencida" in done.stdout
    assert "Lia está digitando…" in done.stdout
    assert "R$ 99,90" in done.stdout
    with psycopg.connect(service.database_url) as connection:
        promises = connection.execute(
            "SELECT amount_cents, status FROM promises WHERE document = '11144477735'"
        ).fetchall()
    assert promises == [(9990, "pending")]
    # The trace was asked for after the third answer: it shows that turn at once and the fourth when it comes.
    after = done.stdout.split("Bastidores ligados.")[1]
    assert "rota → cobranca" in after
    assert "registrar_promessa_pagamento(" in after
    assert "observador: approved" in after
    assert re.search(r"turno 4 · prompt cobranca@\S+ · modelo offline\S* · tokens \d+ → \d+ · \d+ ms", after)
    assert "111.444.777-35" not in after
    assert "11144477735" not in after


def test_contact_is_found_by_name_and_a_new_conversation_starts(service: Service) -> None:
    done = chat(service, "pedro", typed="oi\n/novo\noi de novo\n")
    assert done.returncode == 0, done.stderr
    assert "Você é Pedro Henrique Costa" in done.stdout
    assert "Conversa nova." in done.stdout
    with psycopg.connect(service.database_url) as connection:
        states = connection.execute(
            "SELECT c.status FROM conversations c JOIN contacts p ON p.id = c.contact_id"
            " WHERE p.name = 'Pedro Henrique Costa' ORDER BY c.created_at"
        ).fetchall()
    assert states == [("closed",), ("waiting",)]
    again = chat(service, "+5511999990008", typed="/sair\n")
    assert "você › oi de novo" in again.stdout  # the live conversation is shown where it was left


@pytest.mark.parametrize("wanted", ["99", "fulano", "a"])
def test_unknown_or_ambiguous_contact_gets_the_list(service: Service, wanted: str) -> None:
    done = chat(service, wanted, typed="")
    assert done.returncode == 1
    assert f"Não há contato “{wanted}”" in done.stdout
    assert "Maria da Silva" in done.stdout


def test_handoff_is_told(service: Service) -> None:
    done = chat(service, "7", typed="quero falar com uma pessoa\n")
    assert "transferida para uma pessoa" in done.stdout
    assert done.returncode == 0


def test_without_the_service_it_says_what_to_do(service: Service) -> None:
    done = chat(service, typed="", PUBLIC_BASE_URL=f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert "make run" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


class Terminal:
    """A chat on a pseudo-terminal: what a person sees and types."""

    def __init__(self, service: Service, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _MAIN, *arguments], stdin=theirs, stdout=theirs, stderr=theirs,
            env=service.environment() | {"LOG_LEVEL": "ERROR", "TERM": "xterm", "COLUMNS": "200"}, cwd=service.folder,
        )  # fmt: skip
        os.close(theirs)
        self.seen = ""

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + _SECONDS
        while text not in self.seen:
            ready, _, _ = select.select([self._ours], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"{text!r} never came:\n{self.seen}"
            self.seen += os.read(self._ours, 65536).decode("utf-8", errors="replace")

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


def test_lines_typed_in_a_row_are_answered_together(service: Service) -> None:
    terminal = Terminal(service, "12")
    try:
        terminal.wait_for("você ›")
        terminal.type("oi\nbom dia\nvocês abrem sábado?\n")
        terminal.wait_for("Lia ›")
        terminal.type("/sair\n")
        terminal.wait_for("Até mais!")
        assert terminal.process.wait(_SECONDS) == 0
    finally:
        terminal.close()
    with psycopg.connect(service.database_url) as connection:
        counts = connection.execute(
            "SELECT (SELECT count(*) FROM messages m WHERE m.conversation_id = c.id AND m.direction = 'in'),"
            " (SELECT count(*) FROM turns t WHERE t.conversation_id = c.id)"
            " FROM conversations c JOIN contacts p ON p.id = c.contact_id WHERE p.name LIKE 'Padaria%'"
        ).fetchall()
    assert counts == [(3, 1)]
