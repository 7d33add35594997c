"""The telephone in the terminal as people use it: a process of its own against a running api."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from server.call_terminal import main
from server.terminal import edited
from tests.pages.service import Service, running_service
from tests.ports import free_port
from tests.server.call_rig import rows
from tests.server.piped import run_piped

# The command line's `call` does the same after it has found the database.
_MAIN = (
    "import sys; from wiring.logging import configure_logging; from wiring.settings import load_settings;"
    "settings = load_settings(env_file=None); configure_logging(settings, process='call');"
    "from server.call_terminal import main;"
    "sys.exit(main(settings, sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None))"
)
_SECONDS = 60
_CODES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@pytest.fixture(scope="module")
def service(
    postgres_url: str, template_database: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Give the api alone: the telephone needs no pages."""
    folder = tmp_path_factory.mktemp("call")
    with running_service(
        postgres_url, template_database, redis_url=redis_url, folder=folder, names=("api",)
    ) as running:
        yield running


def call(service: Service, contact: str, *, typed: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = service.environment() | {"LOG_LEVEL": "ERROR"} | environment
    return run_piped(main, (contact,), typed=typed, environment=given, seconds=_SECONDS)


def plain(text: str) -> str:
    """Give the words alone: no colours, no line breaks of the screen."""
    return " ".join(_CODES.sub("", text).split())


def test_script_is_said_line_by_line_and_ends_in_a_promise(service: Service) -> None:
    typed = (
        "sou eu, quero ver minha fatura\n/bastidores\n"
        "cento e onze, quatro quatro quatro, sete sete sete, trinta e cinco\n"
        "posso pagar sexta que vem\nsim\n/cair\nmuito obrigado, tchau\n"
    )
    done = call(service, "2", typed=typed)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    shown = plain(done.stdout)
    assert "Você é João Pereira dos Santos" in shown
    assert "ligação atendida" in shown
    assert "noventa e nove reais e noventa centavos" in shown
    assert "registrar_promessa_pagamento" in shown
    assert "rota → cobranca" in shown
    assert "conexão perdida" in shown
    assert "ligação encerrada" in shown
    assert "11144477735" not in shown.split("rota →")[1]
    promised = rows(service, "SELECT amount_cents, status FROM promises WHERE document = '11144477735'")
    assert promised == [{"amount_cents": 9990, "status": "pending"}]
    ended = rows(service, "SELECT status, duration_seconds IS NOT NULL AS lasted FROM calls WHERE phone LIKE '%%0002'")
    assert ended == [{"status": "completed", "lasted": True}]


def test_end_of_the_script_hangs_up(service: Service) -> None:
    done = call(service, "juliana", typed="oi\n")
    assert done.returncode == 0, done.stderr
    assert "você desligou" in plain(done.stdout)
    ended = rows(service, "SELECT status, disconnection_reason FROM calls WHERE phone LIKE '%%0007'")
    assert ended == [{"status": "completed", "disconnection_reason": "user_hangup"}]


def test_unknown_contact_gets_the_list(service: Service) -> None:
    done = call(service, "fulano", typed="")
    assert done.returncode == 1
    assert "Não há contato “fulano”" in done.stdout


def test_without_the_service_it_says_what_to_do(service: Service) -> None:
    done = call(service, "1", typed="", PUBLIC_BASE_URL=f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert "make run" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def _heed_interrupts() -> None:
    """Be interruptible as at a terminal, also where the tests themselves run in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """A call on a pseudo-terminal: what a person sees and types."""

    def __init__(self, service: Service, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _MAIN, *arguments], stdin=theirs, stdout=theirs, stderr=theirs,
            env=service.environment() | {"LOG_LEVEL": "ERROR", "TERM": "xterm", "COLUMNS": "100"}, cwd=service.folder,
            preexec_fn=_heed_interrupts,
        )  # fmt: skip
        os.close(theirs)
        self.seen = ""

    def wait_for(self, text: str, *, after: int = 0) -> None:
        deadline = time.monotonic() + _SECONDS
        while text not in plain(self.seen[after:]):
            ready, _, _ = select.select([self._ours], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"{text!r} never came:\n{self.seen}"
            self.seen += os.read(self._ours, 65536).decode("utf-8", errors="replace")

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


def test_typing_holds_the_spoken_words_back_and_enter_interrupts(service: Service) -> None:
    terminal = Terminal(service, "3", "1")
    try:
        terminal.wait_for("Lia › Olá! Aqui é")
        terminal.type("quero vx\x7f")
        terminal.wait_for("você › quero v")
        terminal.type("er minha fatura\n")
        terminal.wait_for("✂ interrompida você › quero ver minha fatura")
        begin = len(terminal.seen)
        terminal.type("/voz 0\n")
        terminal.wait_for("CPF", after=begin)
        terminal.type("/desligar\n")
        terminal.wait_for("ligação encerrada")
        terminal.type("\n")
        assert terminal.process.wait(_SECONDS) == 0
    finally:
        terminal.close()
    kept = rows(
        service,
        "SELECT m.text, m.content FROM messages m JOIN calls k ON k.id = m.call_id"
        " WHERE k.phone LIKE '%%0003' ORDER BY m.seq LIMIT 1",
    )
    assert kept[0]["content"]["isInterrupted"] is True
    assert str(kept[0]["content"]["meant"]).startswith(kept[0]["text"])


def test_leaving_by_control_c_hangs_up(service: Service) -> None:
    terminal = Terminal(service, "4", "1")
    try:
        terminal.wait_for("Lia ›")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(_SECONDS) == 0
    finally:
        terminal.close()
    ended = rows(service, "SELECT status, disconnection_reason FROM calls WHERE phone LIKE '%%0004'")
    assert ended == [{"status": "completed", "disconnection_reason": "user_hangup"}]


@pytest.mark.parametrize(
    ("keys", "left"),
    [
        ("oi", "oi"), ("oi\x7f", "o"), ("\x7f\x7foi", "oi"), ("quero ver\x17", "quero"), ("tudo\x15nada", "nada"),
        ("a\nb\x7f\x7f\x7fc", "a\nc"), ("o\x1b[Di\x1b[1;5C", "oi"), ("\x1bOPoi", "oi"), ("\x00o\x01i", "oi"),
    ],
)  # fmt: skip
def test_keys_edit_the_line(keys: str, left: str) -> None:
    assert edited(keys) == left
