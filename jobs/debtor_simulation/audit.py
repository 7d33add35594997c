"""Check a finished simulation from its rows alone, with rules of its own: nothing here calls the contact gate's."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, LiteralString
from uuid import UUID
from zoneinfo import ZoneInfo

from store.database import Database

# From the states' laws (compliance 2), for the states that the simulation knows; the campaign itself is 8 to 20 h.
_STATE_HOURS: Final[Mapping[str, tuple[int, int]]] = {
    "SP": (8, 20), "RJ": (9, 19), "ES": (8, 19), "PR": (8, 18), "AL": (8, 20), "MS": (8, 18), "AM": (8, 18),
    "MG": (8, 20), "PE": (8, 20), "AC": (8, 20),
}  # fmt: skip
_STATES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "11": ("SP", ("America/Sao_Paulo",)), "19": ("SP", ("America/Sao_Paulo",)), "21": ("RJ", ("America/Sao_Paulo",)),
    "27": ("ES", ("America/Sao_Paulo",)), "31": ("MG", ("America/Sao_Paulo",)), "41": ("PR", ("America/Sao_Paulo",)),
    "82": ("AL", ("America/Maceio",)), "81": ("PE", ("America/Recife",)), "67": ("MS", ("America/Campo_Grande",)),
    "92": ("AM", ("America/Manaus",)), "97": ("AM", ("America/Manaus", "America/Rio_Branco")),
    "68": ("AC", ("America/Rio_Branco",)),
}  # fmt: skip
_FIXED: Final = frozenset({(1, 1), (4, 21), (5, 1), (9, 7), (10, 12), (11, 2), (11, 15), (11, 20), (12, 25)})
_OPTIONAL: Final = frozenset({(10, 28), (12, 24), (12, 31)})
# Only those that fall into the weeks the simulation plays (from late October).
_STATE_DAYS: Final[Mapping[str, frozenset[tuple[int, int]]]] = {
    "AC": frozenset({(11, 17), (11, 19)}), "AL": frozenset({(11, 30)}), "AM": frozenset({(12, 8)}),
}  # fmt: skip
_DAY_CAP, _WEEK_CAP = 1, 3
_LONGEST_WAIT_DAYS: Final = 30
_QUIET: Final = timedelta(hours=24)  # after somebody wrote nobody starts another contact


@dataclass(frozen=True, kw_only=True, slots=True)
class Violation:
    """One rule broken: which, for whom (line of the document), when."""

    rule: str
    document: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    document: str
    phone: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Promised:
    """A promise and when it stopped counting: kept, broken, or replaced by another."""

    document: str
    made_at: datetime
    due_on: date
    settled_at: datetime | None
    was_replaced: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """All that happened, as the rows tell it. Instants by document; a debt counts as paid when all of it is."""

    contacts: Sequence[Contact]
    promises: Sequence[Promised]
    paid_at: Mapping[str, datetime]
    opted_out_at: Mapping[str, datetime]
    wrong_at: Mapping[str, datetime]
    claims: Sequence[tuple[str, datetime, datetime]]
    imported: int
    states: Mapping[str, int]
    undecided: int
    max_attempts: int
    ended_at: datetime


_CONTACTS: LiteralString = """
    SELECT t.document, t.phone, d.decided_at AS at FROM contact_decisions d JOIN targets t ON t.id = d.target_id
    WHERE d.campaign_id = %(campaign_id)s AND d.engine = 'campaign' AND d.verdict = 'contact' AND d.voided_at IS NULL
    ORDER BY d.seq
"""
_PROMISES: LiteralString = """
    SELECT p.document, p.created_at AS made_at, p.due_on, p.status = 'renegotiated' AS was_replaced,
        coalesce(p.fulfilled_at, p.broken_at, r.created_at) AS settled_at
    FROM promises p LEFT JOIN promises r ON r.id = p.replaced_by
"""
_PAID: LiteralString = """
    SELECT document, max(coalesce(paid_at, canceled_at)) AS at FROM invoices
    GROUP BY document HAVING bool_and(paid_at IS NOT NULL OR canceled_at IS NOT NULL)
"""
_OPTED_OUT: LiteralString = """
    SELECT t.document, min(c.opted_out_at) AS at FROM targets t
    JOIN contacts c ON c.document = t.document
        OR c.id IN (SELECT contact_id FROM addresses WHERE match_key = t.match_key)
    WHERE t.campaign_id = %(campaign_id)s AND c.opted_out_at IS NOT NULL GROUP BY t.document
"""
_WRONG: LiteralString = "SELECT document, reported_at AS at FROM wrong_numbers"
_CLAIMS: LiteralString = "SELECT document, created_at, hold_until FROM payment_claims"
_STATES_OF: LiteralString = (
    "SELECT state, count(*) AS n FROM targets WHERE campaign_id = %(campaign_id)s GROUP BY state"
)
_IMPORTED: LiteralString = """
    SELECT coalesce(sum(imported), 0) AS n, (SELECT max_attempts FROM campaigns WHERE id = %(campaign_id)s) AS attempts
    FROM imports WHERE campaign_id = %(campaign_id)s
"""
_UNDECIDED: LiteralString = """
    SELECT count(*) AS n FROM targets t WHERE t.campaign_id = %(campaign_id)s
      AND NOT EXISTS (SELECT FROM contact_decisions d WHERE d.target_id = t.id)
"""


async def read_record(database: Database, tenant_id: UUID, campaign_id: UUID, *, ended_at: datetime) -> Record:
    """Read what happened in one campaign of a tenant."""
    async with database.tenant(tenant_id) as connection:

        async def rows(statement: LiteralString) -> list[dict[str, object]]:
            return await (await connection.execute(statement, {"campaign_id": campaign_id})).fetchall()

        def by_document(found: Sequence[Mapping[str, object]]) -> dict[str, datetime]:
            return {str(row["document"]): _instant(row["at"]) for row in found}

        [summary] = await rows(_IMPORTED)
        [undecided] = await rows(_UNDECIDED)
        return Record(
            contacts=[
                Contact(document=str(row["document"]), phone=str(row["phone"]), at=_instant(row["at"]))
                for row in await rows(_CONTACTS)
            ],
            promises=[Promised(**row) for row in await rows(_PROMISES)],  # type: ignore[arg-type]
            paid_at=by_document(await rows(_PAID)),
            opted_out_at=by_document(await rows(_OPTED_OUT)),
            wrong_at=by_document(await rows(_WRONG)),
            claims=[
                (str(row["document"]), _instant(row["created_at"]), _instant(row["hold_until"]))
                for row in await rows(_CLAIMS)
            ],
            imported=int(str(summary["n"])),
            states={str(row["state"]): int(str(row["n"])) for row in await rows(_STATES_OF)},
            undecided=int(str(undecided["n"])),
            max_attempts=int(str(summary["attempts"])),
            ended_at=ended_at,
        )


def _instant(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError(f"expected an instant, not {type(value).__name__}")
    return value


def find_violations(record: Record) -> list[Violation]:
    """List every contact that should not have been, every promise not taken up again, and sums that do not add up."""
    found: list[Violation] = []
    by_document: defaultdict[str, list[Contact]] = defaultdict(list)
    for contact in record.contacts:
        found += [
            Violation(rule=rule, document=contact.document, at=contact.at)
            for rule in _broken_by(contact, by_document[contact.document], record)
        ]
        by_document[contact.document].append(contact)
    found += _not_resumed(record, by_document)
    if sum(record.states.values()) != record.imported:
        found.append(Violation(rule="counts", document="", at=record.ended_at))
    if record.undecided:
        found.append(Violation(rule="without_decision", document="", at=record.ended_at))
    return found


def _broken_by(contact: Contact, earlier: Sequence[Contact], record: Record) -> list[str]:
    document, at = contact.document, contact.at
    state, zones = _STATES[contact.phone[3:5]]
    locals_ = [at.astimezone(ZoneInfo(zone)) for zone in zones]
    opens, closes = _STATE_HOURS[state]
    broken = []
    if any(not time(opens) <= local.time() or local.hour >= closes for local in locals_):
        broken.append("hours")
    if any(not is_allowed_day(local.date(), state) for local in locals_):
        broken.append("day")
    today = locals_[0].date()
    if sum(one.at.astimezone(ZoneInfo(zones[0])).date() == today for one in earlier) >= _DAY_CAP:
        broken.append("day_cap")
    if sum(at - one.at < timedelta(days=7) for one in earlier) >= _WEEK_CAP:
        broken.append("week_cap")
    if document in record.paid_at and record.paid_at[document] <= at:
        broken.append("paid")
    if document in record.opted_out_at and record.opted_out_at[document] <= at:
        broken.append("opted_out")
    if document in record.wrong_at and record.wrong_at[document] <= at:
        broken.append("wrong_person")
    if any(owner == document and since <= at < until for owner, since, until in record.claims):
        broken.append("payment_claimed")
    if any(p.document == document and _is_live(p, at, locals_) for p in record.promises):
        broken.append("live_promise")
    return broken


def _is_live(promise: Promised, at: datetime, locals_: Sequence[datetime]) -> bool:
    if not promise.made_at <= at or (promise.settled_at is not None and promise.settled_at <= at):
        return False
    return any(local.date() <= promise.due_on for local in locals_)


def _not_resumed(record: Record, by_document: Mapping[str, Sequence[Contact]]) -> list[Violation]:
    """Whoever let the promised day pass and still owes is contacted on the first allowed day after it."""
    found = []
    for promise in record.promises:
        contacts = by_document.get(promise.document, ())
        if promise.was_replaced or not contacts:
            continue
        day = _day_of_resumption(promise, contacts, record)
        if day is None:
            continue
        zone = ZoneInfo(_STATES[contacts[0].phone[3:5]][1][0])
        if not any(contact.at.astimezone(zone).date() == day for contact in contacts):
            found.append(Violation(rule="not_resumed", document=promise.document, at=promise.made_at))
    return found


def _day_of_resumption(promise: Promised, contacts: Sequence[Contact], record: Record) -> date | None:
    """Give the day on which the debtor had to be contacted again; None when nothing had to be."""
    document = promise.document
    state, zones = _STATES[contacts[0].phone[3:5]]
    zone = ZoneInfo(zones[0])
    before = [c for c in contacts if c.at.astimezone(zone).date() <= promise.due_on]
    if len(before) >= record.max_attempts:
        return None
    day = promise.due_on
    for _ in range(_LONGEST_WAIT_DAYS):
        day += timedelta(days=1)
        opens = datetime.combine(day, time(_STATE_HOURS[state][0]), zone)
        closes = datetime.combine(day, time(_STATE_HOURS[state][1]), zone)
        if closes > record.ended_at:
            return None
        ends = [record.paid_at.get(document), record.opted_out_at.get(document), record.wrong_at.get(document)]
        if any(end is not None and end < closes for end in ends):
            return None
        if any(p.document == document and p.made_at > promise.made_at and p.made_at < closes for p in record.promises):
            return None
        if any(owner == document and since < closes and until > opens for owner, since, until in record.claims):
            return None
        wrote_at = [promise.made_at, *(since for owner, since, _ in record.claims if owner == document)]
        if any(at < closes <= at + _QUIET for at in wrote_at):
            continue
        is_capped = sum(timedelta() < closes - c.at < timedelta(days=8) for c in before) >= _WEEK_CAP
        if is_allowed_day(day, state) and not is_capped:
            return day
    return None


def is_allowed_day(day: date, state: str) -> bool:
    """Say whether the simulation's campaign may contact somebody of a state on a day: business days, no holiday."""
    easter = _easter(day.year)
    movable = {easter + timedelta(days=days) for days in (-48, -47, -46, -2, 60)}
    key = (day.month, day.day)
    is_holiday = key in _FIXED or key in _OPTIONAL or key in _STATE_DAYS.get(state, ()) or day in movable
    return day.weekday() < 5 and not is_holiday


def _easter(year: int) -> date:
    """Compute Easter Sunday (the anonymous Gregorian algorithm)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e, f = b // 4, b % 4, (b + 8) // 25
    g = (b - f + 1) // 3
    h = (19 * a + b - d - g + 15) % 30
    i, k = c // 4, c % 4
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)
