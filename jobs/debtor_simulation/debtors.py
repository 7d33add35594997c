"""The simulated debtors: who they are and what they do after a contact. Pure; the same seed gives the same people."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from stdnum.br import cpf

from domain.dates_ptbr import format_date
from domain.documents import make_cpf


class Persona(StrEnum):
    """How somebody behaves when the campaign writes."""

    PAYER = "payer"  # pays within days, with or without a word
    PROMISER = "promiser"  # promises a day and pays on it
    BREAKER = "breaker"  # promises and does not pay; some pay later
    PART_PAYER = "part_payer"  # promises a part and pays it, then the rest
    DISPUTER = "disputer"  # wants a person; half are right
    HOSTILE = "hostile"  # insults; some want no more contact
    WRONG_PERSON = "wrong_person"
    SILENT = "silent"
    OPT_OUT = "opt_out"


class ActionKind(StrEnum):
    SAY = "say"  # words only, nothing follows from them
    PROMISE = "promise"
    PAY = "pay"
    CLAIM_PAYMENT = "claim_payment"
    OPT_OUT = "opt_out"
    DENY = "deny"  # "não sou essa pessoa"
    ASK_PERSON = "ask_person"
    SETTLE_DISPUTE = "settle_dispute"  # the operator ends the handoff; cancels the invoice of who was right


@dataclass(frozen=True, kw_only=True, slots=True)
class Debtor:
    """One line of the list, and the person behind it."""

    number: int
    persona: Persona
    name: str
    phone: str  # E.164
    document: str
    debt_cents: int
    invoice_number: str
    due_on: date
    zone: ZoneInfo


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """What a debtor does at an instant. `amount_cents` is of a promise or a payment, `day` of a promise."""

    at: datetime
    debtor: Debtor
    kind: ActionKind
    text: str | None = None
    amount_cents: int = 0
    day: date | None = None


# Of a hundred debtors, in the order of the personas.
_SHARES: Final[tuple[tuple[Persona, int], ...]] = (
    (Persona.PAYER, 16), (Persona.PROMISER, 20), (Persona.BREAKER, 13), (Persona.PART_PAYER, 8),
    (Persona.DISPUTER, 6), (Persona.HOSTILE, 5), (Persona.WRONG_PERSON, 5), (Persona.SILENT, 22), (Persona.OPT_OUT, 5),
)  # fmt: skip
# Area codes of eleven states in five zones: 68 is two hours behind Brasília, 97 may be one or two.
_PLACES: Final[tuple[tuple[str, str], ...]] = (
    ("11", "America/Sao_Paulo"), ("19", "America/Sao_Paulo"), ("21", "America/Sao_Paulo"), ("27", "America/Sao_Paulo"),
    ("31", "America/Sao_Paulo"), ("41", "America/Sao_Paulo"), ("82", "America/Maceio"), ("81", "America/Recife"),
    ("67", "America/Campo_Grande"), ("92", "America/Manaus"), ("97", "America/Rio_Branco"),
    ("68", "America/Rio_Branco"),
)  # fmt: skip
_FIRST_NAMES: Final = (
    "Maria", "João", "Ana", "Carlos", "Francisca", "Antônio", "Juliana", "Pedro", "Luiza", "Marcos", "Rita", "Paulo",
    "Camila", "José", "Beatriz", "Rafael", "Conceição", "Thiago", "Larissa", "Edson",
)  # fmt: skip
_LAST_NAMES: Final = (
    "da Silva", "Souza", "Oliveira", "Santos", "Pereira", "Lima", "Ferreira", "Costa", "Araújo", "Gonçalves",
    "D'Ávila", "Nascimento", "Rocha", "Barros",
)  # fmt: skip
_HEADINGS: Final = ("Nome do Cliente", "Telefone", "CPF", "Valor da Dívida", "Nº da Fatura", "Vencimento", "Endereço")
_INSULTS: Final = ("vão trabalhar em vez de encher o saco", "de novo isso?? que saco", "vcs sao um bando de chato")
_OPT_OUTS: Final = ("PARE", "SAIR", "não me mande mais mensagem")
_DENIALS: Final = ("não conheço essa pessoa", "não sou essa pessoa, esse número é meu faz anos", "número errado")
_PERSON_WISHES: Final = ("quero falar com um atendente", "isso ta errado, quero falar com uma pessoa")
_CLAIMS: Final = ("já paguei", "ja paguei isso ontem", "esse boleto já foi pago")


def make_debtors(count: int, *, seed: int, today: date) -> list[Debtor]:
    """Make people with valid test documents and mobiles, shuffled by the seed."""
    random = Random(seed)  # noqa: S311 - a simulation, not a secret
    personas = _personas(count)
    random.shuffle(personas)
    return [_debtor(number, persona, random, today) for number, persona in enumerate(personas, start=1)]


def _personas(count: int) -> list[Persona]:
    shares = [persona for persona, share in _SHARES for _ in range(share)]
    # Spread evenly, so that a few debtors already show every kind.
    return [shares[number * 37 % len(shares)] for number in range(count)]


def _debtor(number: int, persona: Persona, random: Random, today: date) -> Debtor:
    area_code, zone = random.choice(_PLACES)
    name = f"{random.choice(_FIRST_NAMES)} {random.choice(_LAST_NAMES)}"
    base = random.randrange(10**4) * 10**5 + number
    return Debtor(
        number=number,
        persona=persona,
        name=name,
        phone=f"+55{area_code}99{number // 100 % 1000:03d}{number % 100:02d}{random.randrange(100):02d}",
        document=make_cpf(base),
        debt_cents=random.randrange(49_90, 399_90, 10),
        invoice_number=f"SIM-{number:05d}",
        due_on=today - timedelta(days=random.randrange(5, 90)),
        zone=ZoneInfo(zone),
    )


def as_csv(debtors: Sequence[Debtor]) -> bytes:
    """Write the list as a Brazilian spreadsheet saves it: semicolons, decimal commas, a byte order mark."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";")
    writer.writerow(_HEADINGS)
    for debtor in debtors:
        amount = f"{debtor.debt_cents // 100:,}".replace(",", ".") + f",{debtor.debt_cents % 100:02d}"
        phone = f"({debtor.phone[3:5]}) {debtor.phone[5:10]}-{debtor.phone[10:]}"
        row = (debtor.name, phone, cpf.format(debtor.document), amount, debtor.invoice_number,
               format_date(debtor.due_on), f"Rua das Flores, {debtor.number}")  # fmt: skip
        writer.writerow(row)
    return text.getvalue().encode("utf-8-sig")


def react(debtor: Debtor, *, contact: int, now: datetime, open_cents: int, seed: int) -> list[Action]:
    """Say what a debtor does after contact number `contact` (from 1), with `open_cents` still owed."""
    random = Random(f"{seed}:{debtor.number}:{contact}")  # noqa: S311 - a simulation, not a secret
    at = now + timedelta(minutes=random.randrange(2, 240))
    match debtor.persona:
        case Persona.SILENT:
            return []
        case Persona.PAYER:
            return _payer(debtor, random, at, now, open_cents)
        case Persona.PROMISER:
            return _promise_and_pay(debtor, random, at, open_cents)
        case Persona.BREAKER:
            if contact > 1 and random.random() < 0.3:
                return [_pay(debtor, at + timedelta(hours=1), open_cents)]
            return _promise(debtor, random, at, open_cents) if contact < 3 else []
        case Persona.PART_PAYER:
            part = open_cents if contact > 1 else open_cents // 2
            return _promise_and_pay(debtor, random, at, part)
        case Persona.DISPUTER:
            if contact > 1:
                return _promise_and_pay(debtor, random, at, open_cents)
            asked = Action(at=at, debtor=debtor, kind=ActionKind.ASK_PERSON, text=random.choice(_PERSON_WISHES))
            settled = at + timedelta(days=random.randrange(1, 3))
            forgiven = open_cents if random.random() < 0.5 else 0
            return [
                asked, Action(at=settled, debtor=debtor, kind=ActionKind.SETTLE_DISPUTE, amount_cents=forgiven)
            ]  # fmt: skip
        case Persona.HOSTILE:
            said = Action(at=at, debtor=debtor, kind=ActionKind.SAY, text=random.choice(_INSULTS))
            if contact > 1 or random.random() < 0.5:
                return [said, _opt_out(debtor, random, at + timedelta(minutes=1))]
            return [said]
        case Persona.WRONG_PERSON:
            return [Action(at=at, debtor=debtor, kind=ActionKind.DENY, text=random.choice(_DENIALS))]
        case Persona.OPT_OUT:
            return [_opt_out(debtor, random, at)]


def _opt_out(debtor: Debtor, random: Random, at: datetime) -> Action:
    return Action(at=at, debtor=debtor, kind=ActionKind.OPT_OUT, text=random.choice(_OPT_OUTS))


def _payer(debtor: Debtor, random: Random, at: datetime, now: datetime, open_cents: int) -> list[Action]:
    paid_at = now + timedelta(hours=random.randrange(3, 100))
    actions = [_pay(debtor, paid_at, open_cents)]
    if random.random() < 0.3:  # says so before the bank has told anybody
        actions.append(Action(at=at, debtor=debtor, kind=ActionKind.CLAIM_PAYMENT, text=random.choice(_CLAIMS)))
    return actions


def _promise(debtor: Debtor, random: Random, at: datetime, amount_cents: int) -> list[Action]:
    local = at.astimezone(debtor.zone).date()
    day = local + timedelta(days=random.randrange(0, 7))
    return [
        Action(
            at=at, debtor=debtor, kind=ActionKind.PROMISE, text=f"pago dia {format_date(day)}", day=day,
            amount_cents=amount_cents,
        )
    ]  # fmt: skip


def _promise_and_pay(debtor: Debtor, random: Random, at: datetime, amount_cents: int) -> list[Action]:
    [promised] = _promise(debtor, random, at, amount_cents)
    assert promised.day is not None  # noqa: S101 - every promise has a day
    on_time = datetime.combine(promised.day, time(random.randrange(9, 23)), debtor.zone)
    is_late = random.random() < 0.15
    paid_at = max(on_time, at + timedelta(minutes=30)) + timedelta(days=2 if is_late else 0)
    return [promised, _pay(debtor, paid_at, amount_cents)]


def _pay(debtor: Debtor, at: datetime, amount_cents: int) -> Action:
    return Action(at=at, debtor=debtor, kind=ActionKind.PAY, amount_cents=amount_cents)
