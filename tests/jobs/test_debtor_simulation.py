"""The simulated debtors are the same for the same seed, and the auditor sees what it is there to see."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from domain.documents import parse_document
from domain.phones import is_mobile
from jobs.debtor_simulation.audit import Contact, Promised, Record, find_violations, is_allowed_day
from jobs.debtor_simulation.clock import VirtualClock
from jobs.debtor_simulation.debtors import ActionKind, Persona, as_csv, make_debtors, react

TODAY = date(2026, 10, 26)
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
MARIA, PHONE = "52998224725", "+5511999990001"


def _at(day: int, hour: int = 10, minute: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=SAO_PAULO)


def _contact(day: int, hour: int = 10, minute: int = 0, *, phone: str = PHONE, month: int = 11) -> Contact:
    return Contact(document=MARIA, phone=phone, at=_at(day, hour, minute, month))


def _record(*contacts: Contact, **changes: object) -> Record:
    record = Record(
        contacts=contacts, promises=(), paid_at={}, opted_out_at={}, wrong_at={}, claims=(), imported=1,
        states={"contacted": 1}, undecided=0, max_attempts=5, ended_at=_at(30, 20),
    )  # fmt: skip
    return replace(record, **changes)  # type: ignore[arg-type]


def _promise(made: datetime, due_on: date, *, settled_at: datetime | None = None) -> Promised:
    return Promised(document=MARIA, made_at=made, due_on=due_on, settled_at=settled_at, was_replaced=False)


def _rules(record: Record) -> set[str]:
    return {violation.rule for violation in find_violations(record)}


def test_same_seed_gives_the_same_debtors_and_deeds() -> None:
    first, second = (make_debtors(200, seed=7, today=TODAY) for _ in range(2))
    now = datetime(2026, 10, 26, 12, tzinfo=UTC)

    assert first == second
    assert [react(d, contact=1, now=now, open_cents=d.debt_cents, seed=7) for d in first] == [
        react(d, contact=1, now=now, open_cents=d.debt_cents, seed=7) for d in second
    ]
    assert make_debtors(200, seed=8, today=TODAY) != first


def test_debtors_have_valid_documents_and_mobiles_of_their_own() -> None:
    debtors = make_debtors(1000, seed=1, today=TODAY)

    assert all(parse_document(debtor.document) == debtor.document and is_mobile(debtor.phone) for debtor in debtors)
    assert len({debtor.document for debtor in debtors}) == len({debtor.phone for debtor in debtors}) == 1000
    assert {debtor.persona for debtor in debtors} == set(Persona)
    assert len({debtor.zone.key for debtor in debtors}) >= 4
    assert as_csv(debtors).count(b"\r\n") == 1001


def test_every_persona_but_the_silent_one_does_something() -> None:
    now = datetime(2026, 10, 26, 12, tzinfo=UTC)
    deeds: dict[Persona, set[ActionKind]] = {persona: set() for persona in Persona}
    for debtor in make_debtors(400, seed=3, today=TODAY):
        for action in react(debtor, contact=1, now=now, open_cents=debtor.debt_cents, seed=3):
            assert action.at > now
            deeds[debtor.persona].add(action.kind)

    assert {persona for persona, kinds in deeds.items() if not kinds} == {Persona.SILENT}
    assert ActionKind.PAY not in deeds[Persona.BREAKER]


def test_clock_never_goes_back() -> None:
    clock = VirtualClock(_at(10))
    clock.advance_to(_at(9))
    assert clock.now() == _at(10)


def test_sound_record_has_no_violation() -> None:
    assert _rules(_record(_contact(3), _contact(4), _contact(5))) == set()


@pytest.mark.parametrize(
    ("contact", "rule"),
    [
        (_contact(3, 7, 59), "hours"),
        (_contact(3, 20), "hours"),
        (_contact(3, 9, phone="+5568999990001"), "hours"),  # seven o'clock in Rio Branco
        (_contact(3, 8, phone="+5521999990001"), "hours"),  # Rio begins at nine
        (_contact(7), "day"),  # a Saturday
        (_contact(2), "day"),  # Finados
        (_contact(20), "day"),  # Consciência Negra
        (_contact(28, month=10), "day"),  # Servidor Público, optional
        (_contact(17, 12, phone="+5568999990001"), "day"),  # Tratado de Petrópolis, Acre alone
    ],
)
def test_auditor_sees_a_contact_at_the_wrong_time(contact: Contact, rule: str) -> None:
    assert _rules(_record(contact)) == {rule}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"paid_at": {MARIA: _at(4, 9)}}, "paid"),
        ({"opted_out_at": {MARIA: _at(4, 9)}}, "opted_out"),
        ({"wrong_at": {MARIA: _at(4, 9)}}, "wrong_person"),
        ({"claims": [(MARIA, _at(3, 9), _at(6))]}, "payment_claimed"),
        ({"promises": [_promise(_at(3, 12), date(2026, 11, 4))]}, "live_promise"),
        ({"states": {"contacted": 2}}, "counts"),
        ({"undecided": 1}, "without_decision"),
    ],
)
def test_auditor_sees_what_should_have_stopped_a_contact(changes: Mapping[str, object], rule: str) -> None:
    assert rule in _rules(_record(_contact(4, 15), **changes))


def test_auditor_counts_contacts_by_local_day_and_by_week() -> None:
    assert _rules(_record(_contact(3, 9), _contact(3, 19))) == {"day_cap"}
    assert _rules(_record(*(_contact(day) for day in (3, 4, 5, 6)))) == {"week_cap"}


def test_auditor_sees_a_broken_promise_that_nobody_took_up() -> None:
    promise = _promise(_at(3, 12), date(2026, 11, 5))
    resumed, late = _contact(6), _contact(9)

    assert _rules(_record(_contact(3), resumed, promises=[promise])) == set()
    assert _rules(_record(_contact(3), late, promises=[promise])) == {"not_resumed"}
    assert _rules(_record(_contact(3), promises=[promise], ended_at=_at(6, 12))) == set()


def test_auditor_lets_somebody_rest_who_has_just_written() -> None:
    promise = _promise(_at(3, 20, 30), date(2026, 11, 3))  # the next day closes before a day has passed

    assert _rules(_record(_contact(3), _contact(5), promises=[promise], ended_at=_at(5, 23))) == set()


def test_promise_that_was_kept_early_no_longer_protects() -> None:
    kept = _promise(_at(3, 12), date(2026, 11, 6), settled_at=_at(4, 9))

    assert _rules(_record(_contact(3), _contact(5), promises=[kept], ended_at=_at(6, 12))) == set()


def test_allowed_days_know_the_movable_feasts() -> None:
    assert not is_allowed_day(date(2026, 4, 3), "SP")  # Good Friday
    assert not is_allowed_day(date(2026, 6, 4), "SP")  # Corpus Christi
    assert not is_allowed_day(date(2026, 2, 17), "SP")  # Carnival
    assert is_allowed_day(date(2026, 2, 19), "SP")
