"""Let a simulated debtor really talk: each message runs a turn of the graph with the configured model."""

from datetime import timedelta
from random import Random
from uuid import UUID

from stdnum.br import cpf

from domain.dates_ptbr import weekday_name
from domain.money import format_brl
from domain.tenants import Tenant
from graphs.runner import TurnRunner
from jobs.debtor_simulation.acting import DirectActor
from jobs.debtor_simulation.clock import VirtualClock
from jobs.debtor_simulation.debtors import Action, ActionKind
from store import messages
from store.channel_accounts import AccountRow
from wiring.deps import Deps

_MOST_MESSAGES = 8
_OPENINGS = ("oi", "oi, recebi sua msg", "bom dia, do q se trata?", "Olá, quem é?", "opa, pode falar")
_YES = ("sim", "isso", "pode ser", "blz, pode registrar", "ss")
_NO = ("não precisa, obrigado", "nao, valeu", "agora não, obrigada")
_TYPING = timedelta(seconds=40)  # longer than the inbox waits for the next bubble


class TalkingActor(DirectActor):
    """Answers what the assistant asks, in a customer's Portuguese, until there is nothing more to answer."""

    at_once = 1  # each turn moves the clock

    def __init__(
        self, deps: Deps, tenant: Tenant, account: AccountRow, *, runner: TurnRunner, clock: VirtualClock, seed: int
    ) -> None:
        super().__init__(deps, tenant, account)
        self._runner = runner
        self._clock = clock
        self._seed = seed

    async def _talk(self, action: Action) -> None:
        random = Random(f"{self._seed}:talk:{action.debtor.number}:{action.at}")  # noqa: S311 - a simulation
        text: str | None = action.text
        if action.kind is ActionKind.PROMISE:
            text = random.choice(_OPENINGS)
        for _ in range(_MOST_MESSAGES):
            if text is None:
                return
            conversation_id = await self._write(_with_text(action, text))
            self._clock.advance_to(self._clock.now() + _TYPING)
            await self._runner.start_due()
            await self._runner.wait_until_idle()
            text = answer(await self._heard(conversation_id), action, random)

    async def _heard(self, conversation_id: UUID) -> str:
        """Give what the assistant said since the debtor's last message."""
        async with self._deps.database.tenant(self._tenant.id) as connection:
            newest = await messages.page(connection, conversation_id, before=None, limit=6)
        said: list[str] = []
        for row in newest:
            if row.direction == "in":
                break
            said.append(row.text or "")
        return "\n".join(reversed(said))


def _with_text(action: Action, text: str) -> Action:
    return Action(
        at=action.at,
        debtor=action.debtor,
        kind=action.kind,
        text=text,
        amount_cents=action.amount_cents,
        day=action.day,
    )


def answer(heard: str, action: Action, random: Random) -> str | None:
    """Say what the debtor answers; None when there is nothing to answer."""
    question = _last_question(heard)
    if not question:
        return None
    debtor = action.debtor
    if "cpf" in question or "documento" in question:
        return random.choice((cpf.format(debtor.document), debtor.document, f"meu cpf é {debtor.document}"))
    if "nome" in question:
        return debtor.name.lower()
    if action.kind is not ActionKind.PROMISE:
        return None
    if "posso registrar" in question or "posso anotar" in question or "confirma" in question:
        return random.choice(_YES)
    if "pix" in question or "boleto" in question:
        return random.choice(_NO)
    if any(word in question for word in ("dia", "quando", "data")):
        return _promise_text(action, random)
    if any(word in question for word in ("quanto", "valor")):
        return format_brl(action.amount_cents)
    return None


def _last_question(heard: str) -> str:
    questions = [part for part in heard.lower().replace("\n", " ").split("?")[:-1] if part.strip()]
    return questions[-1][-200:] if questions else ""


def _promise_text(action: Action, random: Random) -> str:
    day = action.day
    if day is None:
        return "ainda não sei"
    said = random.choice((f"dia {day.day}", f"{day.day:02}/{day.month:02}", f"{weekday_name(day)}, dia {day.day}"))
    amount = format_brl(action.amount_cents)
    return random.choice((f"pago {said}", f"consigo {said}", f"{said} eu pago {amount}", f"pode por {said}"))
