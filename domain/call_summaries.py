"""What a call came to, in the customer's hand: the facts it may name, and words made of nothing else (spec 5.1)."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

from domain import reply_rules
from domain.dates_ptbr import format_date_long, read_dates
from domain.evidence import Backing, Finding, evidence_in_text, find_unbacked
from domain.folded_text import folded
from domain.money import format_brl
from domain.tenants import Tenant
from domain.turns import Agreement, Evidence

CALL_SUMMARY: Final = "call.summary"  # what a template may call it
LONGEST: Final = 700
_TALK: Final = "ligacao"
_AGREES = re.compile(r"\b(?:combin\w+|acord\w+|promess\w+|promet\w+|negociad\w+|fech(?:ou|amos|ado))\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class SpokenLine:
    speaker: Literal["cliente", "assistente"]
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CallMaterial:
    """All that a summary may be made of. `promise` and the rest are rows, not what anybody said."""

    tenant: Tenant
    call_id: UUID
    conversation_id: UUID | None
    ended_at: datetime
    today: date  # the customer's day
    first_name: str | None
    lines: tuple[SpokenLine, ...]
    promise: Agreement | None
    has_payment_claim: bool
    is_identity_confirmed: bool
    documents: tuple[str, ...] = ()


def fixed_summary(material: CallMaterial) -> str:
    """Sum a call up from its rows alone: right whatever the models do."""
    name = f"{material.first_name}, " if material.first_name else ""
    promise = material.promise
    if promise is not None:
        agreed = f"{format_brl(promise['amount_cents'])} para {format_date_long(date.fromisoformat(promise['due_on']))}"
        protocol = f" O protocolo é {promise['protocol']}." if "protocol" in promise else ""
        return (
            f"{_begin(name, 'ficou combinado por telefone')}: {agreed}.{protocol} Se precisar do código para pagar "
            "ou de mais alguma coisa, é só responder por aqui."
        )
    if material.has_payment_claim:
        return (
            f"{_begin(name, 'ficou anotado')} o pagamento que você informou por telefone. Se precisar de mais alguma "
            "coisa, é só responder por aqui."
        )
    return (
        f"{_begin(name, 'foi bom falar com você')} por telefone. Se precisar de mais alguma coisa, é só responder por "
        "aqui."
    )


def check_summary(text: str, material: CallMaterial) -> tuple[Finding, ...]:
    """List what forbids sending a summary: amounts, days and deeds must be in the talk or in the rows (N5), and no
    debt is told to somebody who did not prove who they are (N6)."""
    evidence = _evidence(material)
    backing = Backing(
        evidence=evidence, fresh=evidence, today=material.today, promise=material.promise,
        known_texts=(material.tenant.settings.business_hours, *material.tenant.settings.rules),
    )  # fmt: skip
    texts = backing.texts()
    settings = material.tenant.settings
    allowed = (material.tenant.name, material.tenant.assistant_name, *filter(None, (material.first_name,)))
    findings = [
        *find_unbacked(text, backing),
        *reply_rules.find_documents_shown(text, documents=material.documents),
        *reply_rules.find_forbidden(text, words=settings.forbidden_words, customer_texts=(), known_texts=texts),
        *reply_rules.find_foreign_or_internal(text, allowed_words=allowed),
        *reply_rules.find_links(text, allowed_hosts=settings.allowed_link_hosts, known_texts=texts),
    ]
    if material.promise is None and _AGREES.search(folded(text)):
        findings.append(Finding(reason="unsupported_claim"))
    if not any(character.isalnum() for character in text):
        findings.append(Finding(reason="empty"))
    elif len(text) > LONGEST:
        findings.append(Finding(reason="too_long"))
    if not material.is_identity_confirmed:
        findings += reply_rules.find_debt_told(text, customer_texts=(), known_texts=(), known_amounts=set())
    return tuple(dict.fromkeys(findings))


def _evidence(material: CallMaterial) -> list[Evidence]:
    found: list[Evidence] = []
    for line in material.lines:
        found += evidence_in_text(line.text, source=_TALK)
        found += [
            {"kind": "date", "value": reading.date.isoformat(), "source": _TALK}
            for reading in read_dates(line.text, today=material.today)
            if reading.date is not None
        ]
    if material.promise is not None:
        found.append({"kind": "action", "value": "promise_registered", "source": _TALK})
        if "protocol" in material.promise:
            found.append({"kind": "code", "value": material.promise["protocol"], "source": _TALK})
    if material.has_payment_claim:
        found.append({"kind": "action", "value": "payment_claimed", "source": _TALK})
    return found


def _begin(name: str, words: str) -> str:
    return f"{name}{words}" if name else words[0].upper() + words[1:]
