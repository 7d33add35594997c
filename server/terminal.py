"""What the terminal's chat and its telephone share: lines as they are typed, and the choice of who speaks."""

import asyncio
import codecs
import os
import re
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from rich.console import Console
from rich.markup import escape

from services.simulation import DemoPerson
from store.simulation import SituationRow

NOT_RUNNING: Final = (
    "O serviço não está respondendo em {url}.\n"
    "Abra outro terminal, rode [bold]make run[/bold], espere aparecer “Master IA is running.” e tente de novo."
)
NO_DEMO: Final = "A demonstração não está carregada. Rode [bold]make demo[/bold] e tente de novo."
NO_DATABASE: Final = "O banco de dados não está respondendo. Rode [bold]master-ia doctor[/bold] para saber por quê."
_SEQUENCES: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?")  # arrows and other keys without a letter
_END_OF_INPUT: Final = "\x04"


class Lines:
    """What is typed, line by line, while other things happen. None marks the end."""

    def __init__(self, *, is_typed: bool) -> None:
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._has_ended = False
        self._is_typed = is_typed
        self.partial = ""  # what is typed and not sent yet, where the terminal gives single keys
        self.news = asyncio.Event()

    @property
    def is_typed(self) -> bool:
        return self._is_typed

    def put_partial(self, partial: str) -> None:
        self.partial = partial
        self.news.set()

    def put(self, line: str | None) -> None:
        self._queue.put_nowait(line)
        self.news.set()

    def take(self) -> str | None:
        """Give a line that is there. Raises asyncio.QueueEmpty."""
        line = self._queue.get_nowait()
        self._has_ended = line is None
        return line

    async def next(self) -> str | None:
        """Wait for a line."""
        if self._has_ended:
            return None
        line = await self._queue.get()
        self._has_ended = line is None
        return line

    def waiting(self) -> bool:
        """Say whether somebody has typed on. What comes from a pipe is there at once and takes its turn."""
        return self._is_typed and not self._queue.empty()


def read_lines() -> Lines:
    """Read standard input in a thread of its own: terminals, pipes and files alike.

    It reads the descriptor itself: a thread that dies inside `sys.stdin` would hold its lock at exit.
    """
    loop = asyncio.get_running_loop()
    descriptor = sys.stdin.fileno()
    lines = Lines(is_typed=os.isatty(descriptor))

    def tell(line: str | None, *, rest: str | None = None) -> None:
        with suppress(RuntimeError):  # the chat is over
            if rest is None:
                loop.call_soon_threadsafe(lines.put, line)
            else:
                loop.call_soon_threadsafe(lines.put_partial, rest)

    def read() -> None:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        rest = ""
        while chunk := os.read(descriptor, 4096):
            text = decoder.decode(chunk)
            if text == _END_OF_INPUT and not rest:
                break
            *whole, rest = edited(rest + text).split("\n")
            for line in whole:
                tell(line)
            tell(None, rest=rest)
        if rest:
            tell(rest)
        tell(None)

    threading.Thread(target=read, name="stdin", daemon=True).start()
    return lines


def edited(text: str) -> str:
    """Apply the keys that a terminal hands over when it gives every key: erase one, a word, or the line."""
    kept: list[str] = []
    for character in _SEQUENCES.sub("", text):
        if character in "\x7f\b":
            if kept and kept[-1] != "\n":
                kept.pop()
        elif character in "\x15\x17":
            while kept and kept[-1] != "\n" and not (character == "\x17" and kept[-1] == " "):
                kept.pop()
            if character == "\x17" and kept and kept[-1] == " ":
                kept.pop()
        elif character == "\n" or character.isprintable():
            kept.append(character)
    return "".join(kept)


async def choose_person(
    people: Sequence[DemoPerson], wanted: str | None, lines: Lines, screen: Console
) -> DemoPerson | None:
    if wanted is not None:
        found = find_person(people, wanted)
        if found is None:
            screen.print(f"Não há contato “{escape(wanted)}”. Há estes:")
            list_people(people, screen)
        return found
    screen.print("Com quem você quer falar como cliente?\n")
    list_people(people, screen)
    while True:
        screen.print(f"\nNúmero (1 a {len(people)}): ", end="")
        line = await lines.next()
        if line is None:
            return None
        if line.strip() == "/sair":
            return None
        found = find_person(people, line)
        if found is not None:
            return found
        screen.print("Digite o número de um dos contatos acima.")


def find_person(people: Sequence[DemoPerson], wanted: str) -> DemoPerson | None:
    """Find somebody by number in the list, by phone, or by a part of the name."""
    text = wanted.strip().casefold()
    for person in people:
        if text == str(person.number) or text.lstrip("+") == person.contact.phone.lstrip("+"):
            return person
    named = [person for person in people if text and text in person.contact.name.casefold()]
    return named[0] if len(named) == 1 else None


def list_people(people: Sequence[DemoPerson], screen: Console) -> None:
    for person in people:
        screen.print(
            f"  [bold]{person.number:>2}[/bold]  {escape(person.contact.name):<26} "
            f"[dim]{_situation(person.situation)} · {person.typed_document}[/dim]"
        )


def _situation(situation: SituationRow) -> str:
    count = situation.overdue_invoices
    parts = [
        f"{count} fatura{'s' if count > 1 else ''} vencida{'s' if count > 1 else ''}" if count else "",
        "promessa ativa" if situation.has_promise else "",
        "pagamento informado" if situation.has_payment_claim else "",
        "descadastrado" if situation.has_opted_out else "",
    ]
    return ", ".join(part for part in parts if part) or "em dia"
