"""The customer's side in a terminal: pick one of the demo's people, write, read the answers and what made them."""

import asyncio
import json
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from rich.console import Console
from rich.markup import escape

from domain.messages import DeliveryStatus
from server.simulation import ApiUnreachable, Draft, SimulatedCustomer, SimulatorApi, find_api_url, own_texts
from server.terminal import NO_DATABASE, NO_DEMO, NOT_RUNNING, Lines, choose_person, read_lines
from services.simulation import Changes, Simulation, Simulator
from store.database import UNAVAILABLE
from store.simulation import SimulatedMessageRow, SimulatedTurnRow
from wiring.deps import open_deps
from wiring.settings import Settings

_LOOK_SECONDS: Final = 0.25
# Input that comes from a pipe ends before the answers do; a service that never answers must not hold it forever.
_PATIENCE_SECONDS: Final = 120.0
_COMMANDS: Final = "/trace mostra os bastidores · /novo começa outra conversa · /sair termina"
_NOT_SENT: Final = "[red]O serviço não voltou; a mensagem não foi enviada.[/red]"
_AWAY: Final = "[red]O serviço parou de responder. A mensagem fica guardada e vai quando ele voltar…[/red]"


def main(settings: Settings, contact: str | None = None, *, console: Console | None = None) -> int:
    """Hold one chat on standard input and output; give the exit code. `contact` is a number, a phone or a name."""
    screen = console or Console(highlight=False, soft_wrap=True)
    try:
        return asyncio.run(_main(settings, contact, screen))
    except KeyboardInterrupt:
        screen.print("\nAté mais!")
        return 0


async def _main(settings: Settings, contact: str | None, screen: Console) -> int:
    api = SimulatorApi(find_api_url(settings))
    try:
        if not await api.is_reachable():
            screen.print(NOT_RUNNING.format(url=api.base_url))
            return 1
        return await _hold(settings, contact, api, screen)
    except UNAVAILABLE:
        screen.print(NO_DATABASE)
        return 1
    finally:
        await api.close()


async def _hold(settings: Settings, contact: str | None, api: SimulatorApi, screen: Console) -> int:
    async with open_deps(settings) as deps:
        simulation = Simulation(deps.database, deps.accounts, deps.clock)
        simulator = await simulation.find()
        if simulator is None:
            screen.print(NO_DEMO)
            return 1
        lines = read_lines()
        person = await choose_person(await simulation.people(simulator), contact, lines, screen)
        if person is None:
            return 1 if contact else 0
        customer = SimulatedCustomer(api=api, simulation=simulation, simulator=simulator, contact=person.contact)
        await Chat(customer, simulator, lines, screen).run()
        return 0


class Chat:
    """One chat: reads what is typed, shows what is answered."""

    def __init__(self, customer: SimulatedCustomer, simulator: Simulator, lines: Lines, screen: Console) -> None:
        self._customer = customer
        self._lines = lines
        self._screen = screen
        self._assistant = simulator.tenant.assistant_name
        self._company = simulator.tenant.name
        self._is_tracing = False
        self._sent: set[str] = set()  # messages that are not stored yet
        self._turns: list[SimulatedTurnRow] = []
        self._is_with_a_person = False
        self._shown: set[UUID] = set()

    async def run(self) -> None:
        """Talk until the input ends or the customer leaves."""
        name = self._customer.contact.name
        self._screen.print(f"\nVocê é [bold]{escape(name)}[/bold], falando com {self._assistant}, da {self._company}.")
        self._screen.print(f"[dim]{_COMMANDS}[/dim]\n")
        self._show(await self._customer.follow(), is_history=True)
        while True:
            self._screen.print("[bold cyan]você ›[/bold cyan] ", end="")
            line = await self._lines.next()
            if line is None or line.strip() == "/sair":
                self._screen.print("Até mais!")
                return
            await self._take(line.strip())

    async def _take(self, line: str) -> None:
        if line == "/trace":
            self._toggle_trace()
        elif line == "/novo":
            await self._customer.start_over()
            self._turns.clear()
            self._is_with_a_person = False
            self._screen.print("[dim]Conversa nova. A próxima mensagem começa do zero.[/dim]")
        elif line.startswith("/"):
            self._screen.print(f"[dim]{_COMMANDS}[/dim]")
        elif line:
            await self._say(line)
            if not self._lines.waiting():  # several lines in a row are several messages of one thought
                await self._hear()

    def _toggle_trace(self) -> None:
        self._is_tracing = not self._is_tracing
        self._screen.print(f"[dim]Bastidores {'ligados' if self._is_tracing else 'desligados'}.[/dim]")
        if self._is_tracing and self._turns:
            print_turn(self._turns[-1], self._screen)

    async def _say(self, text: str) -> None:
        draft = Draft(text=text)
        self._sent.add(draft.id)
        deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        is_told = False
        while True:
            try:
                await self._customer.say(draft)
                return
            except ApiUnreachable:
                if asyncio.get_running_loop().time() > deadline:
                    self._sent.discard(draft.id)
                    self._screen.print(_NOT_SENT)
                    return
                if not is_told:
                    self._screen.print(_AWAY)
                is_told = True
            await asyncio.sleep(1)

    async def _hear(self) -> None:
        """Follow until everything said is answered, or a person has it, or the customer writes on."""
        deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        has_typed = False
        with self._screen.status(f"{self._assistant} está digitando…") as status:
            status.stop()
            while asyncio.get_running_loop().time() < deadline:
                try:
                    changes = await self._customer.follow()
                    await self._customer.acknowledge()
                except (ApiUnreachable, *UNAVAILABLE):
                    await asyncio.sleep(1)
                    continue
                if changes.messages or changes.turns:
                    status.stop()
                self._show(changes)
                if self._is_settled(changes) or self._lines.waiting():
                    return
                if changes.is_typing and not has_typed:
                    has_typed = True
                    self._announce_typing()
                    status.start()
                await asyncio.sleep(_LOOK_SECONDS)
        self._screen.print("[dim]Ainda sem resposta; ela aparece quando chegar.[/dim]")

    def _announce_typing(self) -> None:
        if not self._screen.is_terminal:
            self._screen.print(f"[dim]{self._assistant} está digitando…[/dim]")

    def _is_settled(self, changes: Changes) -> bool:
        return not self._sent and not changes.is_typing and not self._customer.is_awaiting_delivery

    def _show(self, changes: Changes, *, is_history: bool = False) -> None:
        self._sent -= own_texts(changes.messages)
        for row in changes.messages:
            self._show_message(row, is_history=is_history)
        for turn in changes.turns:
            self._turns.append(turn)
            if self._is_tracing and not is_history:
                print_turn(turn, self._screen)
        if changes.is_with_a_person and not self._is_with_a_person:
            self._screen.print("[yellow]— a conversa foi transferida para uma pessoa da equipe —[/yellow]")
        self._is_with_a_person = changes.is_with_a_person

    def _show_message(self, row: SimulatedMessageRow, *, is_history: bool) -> None:
        if row.direction == "in":
            if is_history:
                self._screen.print(f"[bold cyan]você ›[/bold cyan] {escape(row.text or '')}")
            return
        if not is_history and row.id in self._shown:
            return
        self._shown.add(row.id)
        who = self._assistant if row.author != "operator" else "equipe"
        mark = " [red](não foi entregue)[/red]" if row.status == DeliveryStatus.FAILED else ""
        self._screen.print(f"[bold green]{who} ›[/bold green] {escape(row.text or _without_words(row))}{mark}")


def _without_words(row: SimulatedMessageRow) -> str:
    return f"[{row.content.get('filename') or row.content.get('address') or row.kind}]"


def print_turn(turn: SimulatedTurnRow, screen: Console) -> None:
    """Write what the graph did in a turn: route, tools, verdict, figures."""
    for step in turn.trace:
        screen.print(f"[dim]  │ {escape(_step_line(step))}[/dim]")
    milliseconds = round((turn.finished_at - turn.started_at).total_seconds() * 1000)
    model = turn.model or ", ".join(turn.models) or "nenhum (regra)"
    reruns = f" · repetições {turn.reruns}" if turn.reruns else ""
    screen.print(
        f"[dim]  └ turno {turn.turn_seq} · prompt {escape(turn.prompt_version or '-')} · modelo {escape(model)} · "
        f"tokens {turn.input_tokens} → {turn.output_tokens} · {milliseconds} ms{reruns}[/dim]"
    )


def _step_line(step: Mapping[str, object]) -> str:
    match step.get("step"):
        case "route" | "router":
            return f"rota → {step.get('agent') or 'resposta direta'} ({step.get('reason')})"
        case "tool":
            name = step.get("tool") or step.get("name")
            spent = step.get("milliseconds", step.get("ms"))
            return f"{name}({_flat(step.get('arguments'))}) → {_flat(step.get('result'))} [{spent} ms]"
        case "observer":
            return f"observador: {step.get('verdict')} {_flat(step.get('reasons') or '')}".rstrip()
        case other:
            rest = {key: value for key, value in step.items() if key != "step"}
            return f"{other}: {_flat(rest)}"


def _flat(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
