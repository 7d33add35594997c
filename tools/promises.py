"""Tools that note what the customer agrees to or says was paid."""

import re
from datetime import date
from decimal import Decimal, InvalidOperation

from langchain_core.tools import tool

from domain.dates_ptbr import format_date
from domain.folded_text import fold
from domain.money import InvalidAmount, format_brl, parse_brl
from domain.ports import CrmUnavailable, CustomerUnknown
from services.collection import (
    AmountAboveDebt,
    AmountNotPositive,
    DateBeyondLimit,
    DateInPast,
    NothingOwed,
    PromisePlan,
    PromiseRequest,
    plan_payment_notice,
    plan_promise,
)
from services.plain_text import tidy, tidy_line
from tools.context import ToolResult
from tools.holder import confirmed_document, not_confirmed
from tools.injected import Run
from tools.results import (
    Answer,
    action_of,
    amount_of,
    answer,
    code_of,
    date_of,
    describe_agreement,
    evidence_of_agreement,
    refuse,
    unavailable,
)

_PROMISE = "registrar_promessa_pagamento"
_STATUS = "atualizar_status_cobranca"
_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)
_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_DECIMAL_POINT = re.compile(r"\d{1,9}(\.\d{1,2})?", re.ASCII)
_LONGEST_AMOUNT = 60
_LARGEST_CENTS = 10**12
_NOTES_LIMIT = 500
_STATUSES = frozenset({"paid", "payment_confirmed"})


@tool(_PROMISE, response_format="content_and_artifact", parse_docstring=True)
async def register_promise(
    cpf_cnpj: str, data_prevista_pagamento: str, valor_prometido: str | float, run: Run, metodo_pagamento: str = "",
    observacoes: str = "",
) -> Answer:  # fmt: skip
    """Registra a promessa de pagamento do titular, em dois passos.

    Use quando o cliente, com a identidade confirmada, disser em que dia e quanto vai pagar. A primeira chamada só
    anota a proposta ("aguardando_confirmacao"): leia de volta o valor, o dia da semana e a data, e peça um sim. Depois
    do sim do cliente chame de novo com a mesma data e o mesmo valor: aí fica registrada e vem o protocolo.
    Mudou a data ou o valor? Chame com os novos: começa outra proposta.
    Não use com data ou valor que o cliente não disse, nem diga que registrou antes de "situacao": "registrada".
    Grava: a promessa, só depois do sim do cliente.

    Args:
        cpf_cnpj: o documento confirmado.
        data_prevista_pagamento: o dia prometido, DD/MM/AAAA.
        valor_prometido: o valor em reais, por exemplo "R$ 119,90".
        metodo_pagamento: Pix, boleto, cartão … se o cliente disse.
        observacoes: o que mais importa saber, curto.
    """
    document = confirmed_document(run, cpf_cnpj)
    if document is None:
        return not_confirmed()
    due_on = _read_date(data_prevista_pagamento)
    if due_on is None:
        return refuse("data_invalida", "Essa data não existe ou não está em DD/MM/AAAA. Pergunte o dia exato.")
    amount_cents = _read_amount(valor_prometido)
    if amount_cents is None:
        return _invalid_amount()
    request = PromiseRequest(
        document=document,
        due_on=due_on,
        amount_cents=amount_cents,
        method=tidy_line(metodo_pagamento, limit=40) or None,
        notes=tidy(observacoes, limit=_NOTES_LIMIT) or None,
    )
    try:
        plan = await plan_promise(
            run.deps.database, run.deps.crm_for(run.turn.tenant), request, turn=run.turn, proposal=run.proposal,
            new_texts=run.new_texts, planned=run.effects,
        )  # fmt: skip
    except DateInPast:
        return refuse("data_passada", "Essa data já passou. Pergunte outro dia, de hoje em diante.")
    except DateBeyondLimit as error:
        limit = format_date(error.limit)
        message = f"Só é possível combinar até {limit}. Explique e pergunte um dia até lá."
        result = ToolResult(content={}, evidence=(date_of(error.limit, _PROMISE),))
        return refuse("data_alem_do_limite", message, result, limite=limit)
    except AmountNotPositive:
        return _invalid_amount()
    except AmountAboveDebt as error:
        result = ToolResult(content={}, evidence=(amount_of(error.total_cents, _PROMISE),))
        message = "O valor passa do total em aberto. Diga o total e pergunte quanto o cliente vai pagar."
        return refuse("valor_acima_da_divida", message, result, total=format_brl(error.total_cents))
    except (NothingOwed, CustomerUnknown):
        return refuse("sem_divida", "Não há nada em aberto para este documento: não há o que combinar.")
    except CrmUnavailable:
        return unavailable()
    return _stored(plan) if plan.is_stored else _proposed(plan)


def _invalid_amount() -> Answer:
    return refuse(
        "valor_invalido", "O valor precisa ser em reais e maior que zero. Pergunte quanto o cliente vai pagar."
    )


def _proposed(plan: PromisePlan) -> Answer:
    evidence = (*evidence_of_agreement(plan.agreement, _PROMISE), action_of("promise_proposed", _PROMISE))
    content: dict[str, object] = {"situacao": "aguardando_confirmacao", **describe_agreement(plan.agreement)}
    return answer(content, ToolResult(content={}, proposal=plan.agreement, evidence=evidence))


def _stored(plan: PromisePlan) -> Answer:
    protocol = plan.agreement["protocol"]
    evidence = (
        *evidence_of_agreement(plan.agreement, _PROMISE), code_of(protocol, _PROMISE),
        action_of("promise_registered", _PROMISE),
    )  # fmt: skip
    content: dict[str, object] = {
        "situacao": "registrada",
        "protocolo": protocol,
        **describe_agreement(plan.agreement),
        "substitui_anterior": plan.replaces_earlier,
    }
    effects = (plan.effect,) if plan.effect else ()
    return answer(
        content,
        ToolResult(content={}, promise=plan.agreement, clears_proposal=True, effects=effects, evidence=evidence),
    )


def _read_date(given: str) -> date | None:
    text = given[:40].strip()
    if match := _DATE.fullmatch(text):
        day, month, year = match.groups()
    elif match := _ISO_DATE.fullmatch(text):
        year, month, day = match.groups()
    else:
        return None
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _read_amount(given: str | float) -> int | None:
    """Read reais as models write them: 'R$ 1.234,56', '119.90', 119.9. Fractions of a cent are nobody's promise."""
    text = str(given)[:_LONGEST_AMOUNT].strip()
    try:
        if not isinstance(given, str) or _DECIMAL_POINT.fullmatch(text):
            cents = Decimal(text) * 100
            return int(cents) if cents.is_finite() and cents == int(cents) and 0 < cents < _LARGEST_CENTS else None
        cents_read = parse_brl(text)
    except (InvalidAmount, InvalidOperation):
        return None
    return cents_read if 0 < cents_read < _LARGEST_CENTS else None


@tool(_STATUS, response_format="content_and_artifact", parse_docstring=True)
async def update_collection_status(cpf_cnpj: str, novo_status: str, run: Run, observacoes: str = "") -> Answer:
    """Confere no sistema o pagamento que o cliente diz ter feito.

    Use quando o cliente, com a identidade confirmada, disser que já pagou. Se o sistema já não mostra nada em aberto,
    fica "pago"; se ainda mostra, o aviso é anotado e a cobrança espera até o dia de `aguardar_ate`.
    Não use para promessa de pagar depois, nem diga que está pago quando veio "pagamento_informado".
    Grava: o aviso de pagamento.

    Args:
        cpf_cnpj: o documento confirmado.
        novo_status: "paid" (o cliente diz que pagou) ou "payment_confirmed" (ele mostrou o comprovante).
        observacoes: quando e como pagou, se disse.
    """
    document = confirmed_document(run, cpf_cnpj)
    if document is None:
        return not_confirmed()
    if fold(novo_status[:40]).text.strip() not in _STATUSES:
        return refuse("status_invalido", 'O status deve ser "paid" ou "payment_confirmed".')
    try:
        notice = await plan_payment_notice(
            run.deps.crm_for(run.turn.tenant), document=document, turn=run.turn,
            notes=tidy(observacoes, limit=_NOTES_LIMIT) or None,
        )  # fmt: skip
    except CustomerUnknown:
        return refuse("sem_cobranca_ativa", "Não há cobrança ativa para este documento. Diga isso ao cliente.")
    except CrmUnavailable:
        return unavailable()
    if notice.hold_until_day is None:
        evidence = (action_of("payment_confirmed", _STATUS),)
        return answer({"situacao": "pago"}, ToolResult(content={}, effects=(notice.effect,), evidence=evidence))
    content: dict[str, object] = {
        "situacao": "pagamento_informado",
        "aguardar_ate": format_date(notice.hold_until_day),
        "total_em_aberto": format_brl(notice.total_cents),
    }
    noted = (
        action_of("payment_claimed", _STATUS), date_of(notice.hold_until_day, _STATUS),
        amount_of(notice.total_cents, _STATUS),
    )  # fmt: skip
    return answer(content, ToolResult(content={}, effects=(notice.effect,), evidence=noted))
