"""Put scenarios together from blocks, the same ones for the same count and seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from evals.composer.calendar_table import Saying, Verdict, sayings
from evals.composer.holidays import is_working_day
from evals.composer.situations import SITUATIONS, Amount, Situation
from evals.composer.talks import Talk, make_talk, spellings_of
from evals.scenario import (
    Budget,
    Channel,
    Expectations,
    ExpectedPromise,
    ExpectedState,
    ExpectedTools,
    Scenario,
    Seed,
    SeedContact,
    SeedCustomer,
    Severity,
    Words,
)

SUITE: Final = "composta"
_TRIES: Final = 200  # to find a scenario that is not there yet
_CALL_HOURS: Final = range(9, 18)


@dataclass(frozen=True, kw_only=True, slots=True)
class Speaking:
    """When and where somebody speaks: wall time of the customer, whose phone tells the place."""

    at: datetime
    area_code: str = "11"
    state: str = "SP"  # the tenant's, as its zone
    tenant_zone: str = "America/Sao_Paulo"


def _at(text: str, zone: str = "America/Sao_Paulo", area_code: str = "11", state: str | None = None) -> Speaking:
    at = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    if state is None:
        return Speaking(at=at, area_code=area_code)
    return Speaking(at=at, area_code=area_code, state=state, tenant_zone=zone)


SPEAKINGS: Final = (
    _at("2026-11-20 10:00"),  # a Friday, and a holiday
    _at("2026-11-16 09:20"),
    _at("2026-11-18 14:05"),
    _at("2026-11-21 23:50"),  # Saturday night: tomorrow is ten minutes away
    _at("2026-11-22 16:30"),
    _at("2026-11-30 11:00"),  # last day of a month of 30
    _at("2026-12-01 08:15"),
    _at("2026-12-23 17:40"),  # before Christmas
    _at("2026-12-24 20:10"),
    _at("2026-12-31 22:00"),
    _at("2027-01-01 12:00"),
    _at("2027-01-29 10:30"),  # the next month has no 29th to 31st
    _at("2027-01-31 19:00"),
    _at("2027-02-05 15:00"),  # before Carnival
    _at("2027-02-28 13:45"),
    _at("2028-02-28 10:00"),  # tomorrow is 29 February
    _at("2028-02-29 09:00"),
    _at("2026-04-02 11:30"),  # before Good Friday
    _at("2026-08-31 18:00"),  # 31st, then a month of 30
    _at("2026-10-05 10:10"),
    # Where the day is another than in São Paulo, with the tenant there too, or far away in São Paulo.
    _at("2026-11-20 22:30", "America/Rio_Branco", "68", "AC"),
    _at("2026-11-30 23:15", "America/Manaus", "92", "AM"),
    _at("2026-12-31 23:05", "America/Cuiaba", "65", "MT"),
    _at("2026-11-21 22:40", "America/Rio_Branco", "68"),
    _at("2027-01-31 23:30", "America/Porto_Velho", "69"),
)


def compose(count: int, *, seed: int) -> list[Scenario]:
    """Compose `count` different scenarios. A smaller count gives the beginning of the same list."""
    found: list[Scenario] = []
    known: set[str] = set()
    for number in range(1, count + 1):
        for attempt in range(_TRIES):
            scenario = _compose_one(number, Random(f"{seed}/{number}/{attempt}"), seed=seed)  # noqa: S311
            key = scenario.model_dump_json(exclude={"id", "title"})
            if key not in known:
                break
        else:
            raise ValueError(f"no more than {len(found)} different scenarios can be composed")
        known.add(key)
        found.append(scenario)
    return found


@lru_cache(maxsize=len(SPEAKINGS) * 2)
def _by_family(today: date, *, is_spoken: bool) -> tuple[tuple[Saying, ...], ...]:
    """Group what can be said on a day by family, so that each has its share however many forms it has."""
    families: dict[str, list[Saying]] = {}
    for saying in sayings(today):
        if saying.spoken is not None or not is_spoken:
            families.setdefault(saying.family, []).append(saying)
    return tuple(tuple(members) for _, members in sorted(families.items()))


def _compose_one(number: int, rng: Random, *, seed: int) -> Scenario:
    channel = rng.choices((Channel.WHATSAPP, Channel.SMS, Channel.VOICE), weights=(6, 2, 2))[0]
    situation = rng.choice(SITUATIONS)
    speaking = rng.choice([item for item in SPEAKINGS if _may_speak(item, situation)])
    is_spoken = channel is Channel.VOICE
    families = _by_family(speaking.at.date(), is_spoken=is_spoken)
    # Families in turn, not by chance: each comes about as often as any other.
    saying = rng.choice(families[number % len(families)])
    amount = rng.choice(situation.amounts)
    spelling = rng.choice(spellings_of(saying, channel))
    talk = make_talk(
        saying=saying, amount=amount, situation=situation, channel=channel, spelling=spelling,
        clear_day=speaking.at.date() + timedelta(days=rng.randint(3, 25)), rng=rng,
    )  # fmt: skip
    return Scenario(
        id=f"{SUITE}-{seed}-{number:05}", suite=SUITE, title=_title(number, saying, speaking, spelling),
        tags=(saying.family, spelling, situation.name, saying.verdict.value, talk.course), channel=channel,
        severity=Severity.BLOCKING if saying.verdict is Verdict.REFUSE else Severity.SERIOUS,
        now=speaking.at, seed=_seed(situation, speaking), user=talk.user,
        expect=_expect(situation, amount, talk), budget=Budget(turns=12),
    )  # fmt: skip


def _may_speak(speaking: Speaking, situation: Situation) -> bool:
    """Keep campaigns to hours in which they may begin a contact anywhere."""
    return not situation.is_campaign or (is_working_day(speaking.at.date()) and speaking.at.hour in _CALL_HOURS)


def _seed(situation: Situation, speaking: Speaking) -> Seed:
    phone = f"+55{speaking.area_code}{situation.customer.phone_end}"
    customer = SeedCustomer(
        document=situation.customer.document, name=situation.customer.name, phone=phone,
        invoices=situation.customer.invoices,
    )  # fmt: skip
    document = customer.document if situation.is_campaign else None
    return Seed(
        contact=SeedContact(phone=phone, name=customer.name, document=document), customers=(customer,),
        campaign=situation.is_campaign, time_zone=speaking.tenant_zone, state=speaking.state,
    )  # fmt: skip


def _expect(situation: Situation, amount: Amount, talk: Talk) -> Expectations:
    promises: Sequence[ExpectedPromise] = ()
    if talk.days:
        due_on = talk.days[0] if len(talk.days) == 1 else talk.days
        promises = (ExpectedPromise(amount_cents=amount.cents, due_on=due_on),)
    return Expectations(
        state=ExpectedState(
            promises=tuple(promises), identity="confirmada", identity_document=situation.customer.document
        ),
        tools=ExpectedTools(required=("registrar_promessa_pagamento",) if talk.days else ()),
        said=(Words(pattern=r"\?", turn=talk.asked_back_turn),) if talk.asked_back_turn else (),
    )


def _title(number: int, saying: Saying, speaking: Speaking, spelling: str) -> str:
    when = format_datetime(speaking.at, "EEE dd/MM/yyyy HH:mm", locale="pt_BR")
    return f"“{saying.written}” dito em {when}, {spelling}, nº {number}"
