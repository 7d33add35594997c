"""The simulated telephone in a terminal: what is spoken appears at the pace of a voice, and typing interrupts it."""

import asyncio
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

from rich.console import Console
from rich.markup import escape

from domain.masking import mask_text
from server.call_phone import SILENCE_SECONDS, CallPhone, NotAnswered, PhoneEvent
from server.chat import print_turn
from server.phone_line import PhoneLine
from server.simulation import SimulatorApi, find_api_url
from server.spoken_pace import CALM
from server.talk_screen import TalkScreen
from server.terminal import NO_DATABASE, NO_DEMO, NOT_RUNNING, Lines, choose_person, read_lines
from services.simulation import DemoPerson, Simulation, Simulator
from store.database import UNAVAILABLE
from store.simulation import RingingCallRow
from wiring.deps import Deps, open_deps
from wiring.settings import Settings

_TICK_SECONDS: Final = 0.05
_SUMMARY_SECONDS: Final = 60.0
_COMMANDS: Final = (
    "Enter fala e interrompe · /desligar · /cair perde a conexão · /voz 1, 2 ou 0 (na hora) · "
    "/bastidores mostra ferramentas e turnos"
)
_ENDINGS: Final[Mapping[str, str]] = {
    "user_hangup": "você desligou",
    "agent_hangup": "a assistente encerrou",
    "call_transfer": "passou para uma pessoa",
    "inactivity": "encerrada por silêncio",
    "error_llm_websocket_lost_connection": "a conexão não voltou",
}
_NO_PHONE: Final = "O telefone do simulador não está configurado. Rode [bold]make demo[/bold] e tente de novo."
_NOT_ANSWERED: Final = (
    "[red]O serviço não atendeu a ligação.[/red] Rode [bold]master-ia doctor[/bold] para saber por quê."
)


def main(
    settings: Settings, contact: str | None = None, speed: int | None = None, *, console: Console | None = None
) -> int:
    """Hold one call on standard input and output; give the exit code. `contact` is a number, a phone or a name.

    `speed` 1 is a calm voice, 2 a fast one, 0 speaks at once; None is 1 for people and 0 for scripts.
    """
    screen = console or Console(highlight=False, soft_wrap=True)
    try:
        return asyncio.run(_main(settings, contact, speed, screen))
    except KeyboardInterrupt:
        screen.print("\nAté mais!")
        return 0


async def _main(settings: Settings, contact: str | None, speed: int | None, screen: Console) -> int:
    api = SimulatorApi(find_api_url(settings))
    try:
        if not await api.is_reachable():
            screen.print(NOT_RUNNING.format(url=api.base_url))
            return 1
        return await _hold(settings, contact, speed, api.base_url, screen)
    except UNAVAILABLE:
        screen.print(NO_DATABASE)
        return 1
    finally:
        await api.close()


async def _hold(settings: Settings, contact: str | None, speed: int | None, api_url: str, screen: Console) -> int:
    async with open_deps(settings) as deps:
        simulation = Simulation(deps.database, deps.accounts, deps.clock)
        simulator = await simulation.find()
        if simulator is None or simulator.phone is None:
            screen.print(NO_DEMO if simulator is None else _NO_PHONE)
            return 1
        lines = read_lines()
        person = await choose_person(await simulation.people(simulator), contact, lines, screen)
        if person is None:
            return 1 if contact else 0
        pace = (1 if lines.is_typed else 0) if speed is None else speed
        ringing = next(
            (row for row in await simulation.ringing(simulator) if row.address == person.contact.phone), None
        )
        phone = _telephone(deps, simulator, person, api_url=api_url, pace=pace, ringing=ringing)
        if ringing is not None:
            screen.print(f"\n{simulator.tenant.assistant_name} está ligando. Você atende.")
        with _single_keys(lines):
            return await TerminalCall(phone, simulation, simulator, person, lines, screen).run()


def _telephone(
    deps: Deps, simulator: Simulator, person: DemoPerson, *, api_url: str, pace: int, ringing: RingingCallRow | None
) -> CallPhone:
    assert simulator.phone is not None  # noqa: S101  # `_hold` has looked
    return CallPhone(
        PhoneLine.of(simulator.phone, api_url=api_url), customer_phone=person.contact.phone, http=deps.http,
        clock=deps.clock, pace=_characters(pace), silence_seconds=None, direction="outbound" if ringing else "inbound",
        call_id=ringing.provider_call_id if ringing else None,
        metadata={"call_id": str(ringing.id)} if ringing else None,
    )  # fmt: skip


@contextmanager
def _single_keys(lines: Lines) -> Iterator[None]:
    """Let the terminal hand over every key unseen: what is typed must not run into what is spoken."""
    if not lines.is_typed or not sys.stdout.isatty():
        yield
        return
    import termios  # not on every system

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    changed = termios.tcgetattr(descriptor)
    changed[3] &= ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(descriptor, termios.TCSADRAIN, changed)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


class TerminalCall:
    """One call: says what is typed, shows what is spoken."""

    def __init__(
        self, phone: CallPhone, simulation: Simulation, simulator: Simulator, person: DemoPerson, lines: Lines,
        console: Console,
    ) -> None:  # fmt: skip
        self._phone = phone
        self._simulation = simulation
        self._simulator = simulator
        self._person = person
        self._lines = lines
        self._console = console
        self._screen = TalkScreen(console, speaker=simulator.tenant.assistant_name)
        self._listening = asyncio.Event()
        self._sentence: tuple[int, str] | None = None
        self._shown = 0  # characters of the sentence
        self._is_backstage = False
        self._last_turn = 0
        self._ending = ""

    async def run(self) -> int:
        """Talk until one side hangs up; give the exit code."""
        tenant, name = self._simulator.tenant, self._person.contact.name
        self._console.print(f"\nVocê é [bold]{escape(name)}[/bold], ao telefone com {tenant.assistant_name}, da "
                            f"{tenant.name}. CPF/CNPJ: {self._person.typed_document}")  # fmt: skip
        self._console.print(f"[dim]{_COMMANDS}[/dim]\n")
        self._screen.note("chamando…")
        try:
            await self._phone.dial()
        except NotAnswered:
            self._console.print(_NOT_ANSWERED)
            return 1
        if self._lines.is_typed:
            self._phone.set_silence(SILENCE_SECONDS)
        tasks = [asyncio.create_task(work) for work in (self._obey(), self._show_words())]
        try:
            await self._follow()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._phone.hang_up()
        await self._tell_ending()
        return 0

    # --- what is typed

    async def _obey(self) -> None:
        if not self._lines.is_typed:
            return await self._read_script()
        while not self._phone.is_over:
            await self._lines.news.wait()
            self._lines.news.clear()
            while True:
                try:
                    line = self._lines.take()
                except asyncio.QueueEmpty:
                    break
                self._screen.typing("")
                await self._take("/desligar" if line is None else line.strip())
            self._screen.typing(self._lines.partial)
            if self._lines.partial:
                self._phone.note_typing()

    async def _read_script(self) -> None:
        """Say one line after the other, each when the answer to the one before was heard."""
        while not self._phone.is_over:
            await self._listening.wait()
            line = await self._lines.next()
            await self._take("/desligar" if line is None else line.strip())

    async def _take(self, line: str) -> None:
        command, _, argument = line.partition(" ")
        match command:
            case "":
                return
            case "/desligar" | "/sair":
                await self._phone.hang_up()
            case "/cair":
                await self._phone.drop()
            case "/voz" if argument.strip() in ("0", "1", "2"):
                self._phone.set_pace(_characters(int(argument)))
            case "/bastidores":
                self._is_backstage = not self._is_backstage
                self._screen.note(f"Bastidores {'ligados' if self._is_backstage else 'desligados'}.")
                await self._show_turns(is_toggled=True)
            case _ if command.startswith("/"):
                self._screen.note(_COMMANDS)
            case _:
                self._listening.clear()
                await self._phone.say(line)

    # --- what is spoken

    async def _follow(self) -> None:
        async for event in self._phone.events():
            self._show(event)
            if event.kind == "listening":
                await self._show_turns()
                self._listening.set()
            elif event.kind == "ended":
                self._ending = event.text
                self._screen.typing("")

    def _show(self, event: PhoneEvent) -> None:
        match event.kind:
            case "connected":
                self._screen.note("conexão de volta" if event.details.get("is_again") else "ligação atendida")
            case "lost":
                self._screen.note("conexão perdida, religando…")
            case "silence":
                self._screen.note("silêncio…")
            case "transferred":
                self._screen.note(f"ligação transferida para {event.text}")
            case "heard":
                self._screen.said(event.text)
            case "speaking":
                self._sentence, self._shown = (event.reply, event.text), 0
            case "spoken":
                self._speak_on(event.text)
                self._sentence = None
            case "cut":
                self._speak_on(event.text)
                self._screen.cut()
                self._sentence = None
            case "tool" if self._is_backstage:
                self._screen.note(f"  │ {event.text} {mask_text(str(event.details.get('arguments') or ''))}")

    async def _show_words(self) -> None:
        while not self._phone.is_over:
            await asyncio.sleep(_TICK_SECONDS)
            self._speak_on(self._phone.words)

    def _speak_on(self, words: str) -> None:
        """Show what is out of the sentence beyond what is shown already."""
        if self._sentence is not None and len(words) > self._shown:
            reply, sentence = self._sentence
            self._screen.speak(reply, sentence[self._shown : len(words)])
            self._shown = len(words)

    async def _show_turns(self, *, is_toggled: bool = False) -> None:
        with suppress(*UNAVAILABLE):
            changes = await self._simulation.look_at_call(
                self._simulator, self._phone.call_id, after_turn=self._last_turn - 1 if is_toggled else self._last_turn
            )
            for turn in changes.turns:
                self._last_turn = max(self._last_turn, turn.turn_seq)
                if self._is_backstage:
                    self._screen.pause()
                    print_turn(turn, self._console)

    # --- the end

    async def _tell_ending(self) -> None:
        seconds = int(self._phone.seconds)
        why = _ENDINGS.get(self._ending, "a ligação caiu")
        self._screen.note(f"ligação encerrada ({seconds // 60}:{seconds % 60:02d}): {why}")
        if self._lines.is_typed:
            await self._wait_for_summary()

    async def _wait_for_summary(self) -> None:
        """Show the summary when it comes; any line leaves."""
        self._screen.note("O resumo chega em instantes; Enter sai.")
        loop = asyncio.get_running_loop()
        until = loop.time() + _SUMMARY_SECONDS
        with suppress(*UNAVAILABLE):
            while loop.time() < until:
                changes = await self._simulation.look_at_call(self._simulator, self._phone.call_id, after_turn=2**31)
                if changes.call is not None and changes.call.summary:
                    self._console.print(f"[bold]Resumo[/bold]  {escape(changes.call.summary)}")
                    return
                if not changes.will_have_summary:
                    self._screen.note("Conversa curta demais para um resumo.")
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        await self._lines.next()
                        return
        self._screen.note("O resumo ainda não chegou; ele aparece na conversa (make chat).")


def _characters(speed: int) -> float | None:
    return CALM * speed if speed else None
