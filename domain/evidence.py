"""What backs a draft: its amounts, dates, codes and deeds against the results of tools (design: N5)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from domain.claims import find_claims
from domain.folded_text import folded
from domain.money import find_amounts
from domain.sentences import split_sentences
from domain.turns import Agreement, Evidence
from domain.written_dates import WrittenDate, find_written_dates

CUSTOMER = "customer"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something in a draft that may not be sent, and where it stands."""

    reason: str
    excerpt: str = ""


@lru_cache(maxsize=256)
def amounts_in(passage: str) -> frozenset[int]:
    """Give the cents of all amounts in a passage. Cached: every sentence of a reply is held against the same ones."""
    return frozenset(amount.cents for amount in find_amounts(passage))


@lru_cache(maxsize=256)
def _dates_in(passage: str) -> tuple[WrittenDate, ...]:
    return tuple(find_written_dates(passage))


def customer_evidence(*, amounts: Iterable[int], days: Iterable[date]) -> list[Evidence]:
    """Make evidence of what the customer said: it may be said back."""
    said: list[Evidence] = [{"kind": "amount", "value": str(cents), "source": CUSTOMER} for cents in amounts]
    said += [{"kind": "date", "value": day.isoformat(), "source": CUSTOMER} for day in days]
    return said


def evidence_in_text(text: str, *, source: str) -> list[Evidence]:
    """Make evidence of the amounts and whole dates that a tool's text holds."""
    found: list[Evidence] = [
        {"kind": "amount", "value": str(amount.cents), "source": source} for amount in find_amounts(text)
    ]
    for written in find_written_dates(text):
        if written.month is not None and written.year is not None:
            try:
                day = date(written.year, written.month, written.day)
            except ValueError:
                continue
            found.append({"kind": "date", "value": day.isoformat(), "source": source})
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Backing:
    """All that may back a draft."""

    evidence: Sequence[Evidence]  # of the whole conversation, this turn included
    fresh: Sequence[Evidence]  # of this turn's tools
    today: date
    promise: Agreement | None = None
    proposal: Agreement | None = None
    known_texts: tuple[str, ...] = ()  # the tenant's own words: business hours, rules

    def days(self) -> set[date]:
        """Give the days that may be named."""
        days = {date.fromisoformat(item["value"]) for item in self.evidence if item["kind"] == "date"}
        days.update(date.fromisoformat(item["due_on"]) for item in (self.promise, self.proposal) if item)
        return days | {self.today}

    def amounts(self, *, from_tools_only: bool = False) -> set[int]:
        """Give the amounts, in cents, that may be named."""
        cents = {
            int(item["value"])
            for item in self.evidence
            if item["kind"] == "amount" and not (from_tools_only and item["source"] == CUSTOMER)
        }
        return cents | {item["amount_cents"] for item in (self.promise, self.proposal) if item}

    def texts(self) -> list[str]:
        """Give the passages that tools found, and the tenant's own words."""
        return [item["value"] for item in self.evidence if item["kind"] == "text"] + list(self.known_texts)


_STATES_DEBT = re.compile(
    r"\b(?:em aberto|deve|devendo|divida|debito|total|vencid\w+|atras\w+|fatura|pendente|pendencia|venceu)\b"
)
_PAYMENT_CODE = re.compile(r"000201\w{4,}\S*|(?:\d[\s.]?){44,}")
_PROTOCOL = re.compile(r"\bprotocolo\W{1,4}(?:(?:e|numero|no|n)\W{1,3}){0,2}([a-z0-9][a-z0-9-]{4,19})\b")
# "Protocolo: P, sete, F, três", as a voice says it.
_FIGURES = {
    "zero": "0", "um": "1", "dois": "2", "tres": "3", "quatro": "4", "cinco": "5", "seis": "6", "meia": "6",
    "sete": "7", "oito": "8", "nove": "9",
}  # fmt: skip
_SPELLED_SIGN = rf"(?:[a-z0-9]|{'|'.join(_FIGURES)})"
_SPELLED_PROTOCOL = re.compile(
    rf"\bprotocolo\W{{1,4}}(?:(?:e|numero|no|n)\W{{1,3}}){{0,2}}({_SPELLED_SIGN}(?:[\s,.-]{{1,3}}{_SPELLED_SIGN}){{3,19}})\b"
)


def _spelled_code(said: str) -> str:
    return "".join(_FIGURES.get(sign, sign) for sign in re.findall(r"[a-z0-9]+", said))


def find_unbacked(text: str, backing: Backing) -> list[Finding]:
    """List every amount, date, code and deed in a draft that nothing backs (design: N5)."""
    return [*_amounts(text, backing), *_dates(text, backing), *_codes(text, backing), *_deeds(text, backing)]


def _amounts(text: str, backing: Backing) -> list[Finding]:
    allowed, of_tools = backing.amounts(), backing.amounts(from_tools_only=True)
    for passage in backing.texts():
        cents = amounts_in(passage)
        allowed |= cents
        of_tools |= cents
    findings = []
    for sentence in split_sentences(text):
        found = find_amounts(sentence)
        if not found:
            continue
        # What the customer named may be said back, but it is no debt because of that.
        names_debt = bool(_STATES_DEBT.search(folded(sentence))) and not sentence.endswith("?")
        for amount in found:
            if amount.cents not in (of_tools if names_debt else allowed):
                findings.append(Finding(reason="unsupported_amount", excerpt=amount.text))
    return findings


def _dates(text: str, backing: Backing) -> list[Finding]:
    days = backing.days()
    in_texts = [written for passage in backing.texts() for written in _dates_in(passage)]
    findings = []
    for written in find_written_dates(text):
        matching = [day for day in days if written.means(day)]
        if not matching and not any(_same(written, other) for other in in_texts):
            findings.append(Finding(reason="unsupported_date", excerpt=written.excerpt))
        elif matching and written.weekday is not None and all(day.weekday() != written.weekday for day in matching):
            findings.append(Finding(reason="wrong_weekday", excerpt=written.excerpt))
    return findings


def _same(written: WrittenDate, other: WrittenDate) -> bool:
    return (written.day, written.month, written.year) == (other.day, other.month, other.year)


def _codes(text: str, backing: Backing) -> list[Finding]:
    known = {item["value"] for item in backing.evidence if item["kind"] == "code"}
    bare = {re.sub(r"\W", "", value).lower() for value in known}
    if backing.promise and "protocol" in backing.promise:
        bare.add(backing.promise["protocol"].lower())
    findings = [
        Finding(reason="unsupported_code", excerpt=match[0][:20])
        for match in _PAYMENT_CODE.finditer(text)
        if re.sub(r"\W", "", match[0]).lower() not in bare
    ]
    plain = folded(text)
    said = [_spelled_code(match[1]) for match in _SPELLED_PROTOCOL.finditer(plain)]
    for code in [*(match[1] for match in _PROTOCOL.finditer(plain)), *said]:
        if any(character.isdigit() for character in code) and re.sub(r"\W", "", code) not in bare:
            findings.append(Finding(reason="unsupported_code", excerpt=code))
    return findings


def _deeds(text: str, backing: Backing) -> list[Finding]:
    fresh = {item["value"] for item in backing.fresh if item["kind"] == "action"}
    ever = {item["value"] for item in backing.evidence if item["kind"] == "action"}
    findings = []
    for claim in find_claims(text):
        backers = fresh if claim.kind not in _MAY_BE_OLD else fresh | ever
        is_backed = bool(claim.backed_by & backers)
        if "promise_registered" in claim.backed_by and (claim.kind == "promise" or not is_backed):
            is_backed = _is_about(claim.sentence, backing.promise) and (is_backed or "promise_registered" in ever)
        if not is_backed and claim.kind == "lookup":
            is_backed = any(item["source"] != CUSTOMER for item in backing.evidence)
        if not is_backed and claim.kind == "discount":
            is_backed = any("desconto" in folded(passage) for passage in backing.texts())
        if not is_backed:
            findings.append(Finding(reason="unsupported_claim", excerpt=claim.excerpt))
    return findings


_MAY_BE_OLD = frozenset({"payment", "written_off", "no_debt", "lookup", "field", "opt_out"})


def _is_about(sentence: str, promise: Agreement | None) -> bool:
    """Tell whether what a sentence says of a promise is what stands in the stored one."""
    if promise is None:
        return False
    due_on = date.fromisoformat(promise["due_on"])
    days = find_written_dates(sentence)
    return all(day.means(due_on) for day in days) and all(
        amount.cents == promise["amount_cents"] for amount in find_amounts(sentence)
    )
