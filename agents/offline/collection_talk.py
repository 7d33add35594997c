"""The collection talk with the confirmed holder: tell what is open, listen, help, agree, close."""

import re
from typing import Final

from agents.offline.agreement import Wish, ask_amount, ask_day, asked_amount, negotiate, read_wish, take_up_wish
from agents.offline.boundaries import within_bounds
from agents.offline.call_request import arrange_call, asks_for_call
from agents.offline.code_talk import after_code, payment_code, wants_code
from agents.offline.courtesy import (
    asked_to_leave,
    closes,
    farewell,
    from_knowledge,
    greets_only,
    hello,
    is_wrong_person,
    named_hello,
    offered_human,
    unknown_answer,
    wrong_person,
)
from agents.offline.debt import Debt
from agents.offline.debt_told import debt_statement, details_in_call, named, no_debt
from agents.offline.identity_talk import (
    confirmed_document,
    document_argument,
    identity_reply,
    look_up,
    lookup_problem,
    must_look_up,
)
from agents.offline.phrases import HER_OFFER, HUMAN_OFFER, day_of, holder_name, introduction, join, lines
from agents.offline.reading import Turn
from agents.offline.signals import Signal
from agents.offline.standing_promise import about_promise
from domain.documents import find_documents
from domain.wording import fold

_DOCUMENT_ALONE: Final = 40
_ASKS_DETAILS: Final = re.compile(
    r"^\W*(?:e )?(?:qua(?:l|is)(?: sao| e)?(?: el[ae]s| as faturas)?|quanto(?: e cada| cada)?)\W*$"
)
_ASKS_CONCESSION: Final = re.compile(
    r"\b(?:descont\w+|abat\w+|parcel\w+|em \d+ ?x|(?:tirar?|sem) (?:os |o |a )?(?:juros|multa))\b"
)
_PAPER: Final = re.compile(
    r"\b(?:carta|declaracao|certidao|recibo|extrato|historico|nota fiscal|copia do contrato|quitacao|informe)\b"
)
_PART_PAID: Final = re.compile(
    r"\bso (?:paguei|falta)\b|\b(?:[ao]s?|uma|um) outr[ao]s?\b.{0,12}\bnao\b"
    r"|\bpaguei (?:so )?uma\b.{0,30}\b(?:falta\w*|outra|outro|resto)\b"
)
_CLOSING_SENTENCE: Final = "Posso ajudar em mais alguma coisa?"


def collection_reply(turn: Turn) -> str:
    """Answer as the collection assistant; raises CallNeeded when a tool must run first."""
    leaving = asked_to_leave(turn)
    if leaving is not None:
        return leaving
    bounded = None if is_wrong_person(turn) else within_bounds(turn)
    if bounded is not None:
        return bounded
    if turn.context.identity != "confirmada":
        if turn.context.identity == "bloqueada" or is_wrong_person(turn) or not must_look_up(turn):
            return identity_reply(turn)
        result = look_up(turn)
        if not result.is_ok:
            return join(hello(turn), lookup_problem(turn, result))
        return join(hello(turn), _first_news(turn, Debt.of(result)))
    if is_wrong_person(turn):
        return wrong_person(turn)
    return join(hello(turn), _confirmed_reply(turn))


# --- right after the holder is confirmed


def _first_news(turn: Turn, debt: Debt) -> str:
    """Tell what is open, and answer at once what was asked before the holder was confirmed."""
    if _claimed_payment(turn):
        return payment_notice(turn, debt)
    if not debt.invoices:
        return join(no_debt(debt), _CLOSING_SENTENCE)
    statement = lines((_empathy(turn) or "", debt_statement(debt, thanks=True, in_call=turn.call is not None)))
    if debt.promise is not None and not (turn.context.dates or turn.context.amounts):
        return lines((statement, _promise_reminder(debt)))
    if turn.says(Signal.HARDSHIP) and not turn.context.dates:
        return lines((statement, no_pressing(turn)))
    if turn.said_before(Signal.HARDSHIP, bursts=4) and not turn.context.dates:
        return lines((statement, no_pressing(turn)))
    if turn.says(Signal.DISPUTE) or turn.said_before(Signal.DISPUTE, bursts=4):
        return lines((statement, join("Se algo aí não bate, quem pode corrigir é uma pessoa da equipe.", HER_OFFER)))
    agreed = negotiate(turn, debt) or take_up_wish(turn, debt)
    if wants_code(turn) or (turn.said_before(Signal.CODE, bursts=4) and not turn.past("gerar_segunda_via")):
        return lines((statement, join(payment_code(turn, debt), agreed or after_code(turn))))
    return lines(
        (statement, agreed or turn.pick("Em que dia você consegue pagar?", "Como fica melhor para você resolver?"))
    )


def _claimed_payment(turn: Turn) -> bool:
    if turn.context.says_paid or turn.says(Signal.PAID) or "atualizar_status_cobranca" in turn.results:
        return True
    return turn.past("atualizar_status_cobranca") is None and turn.said_before(Signal.PAID)


def _promise_reminder(debt: Debt) -> str:
    stored = debt.promise
    if stored is None:
        return ""
    return f"Já existe um pagamento combinado: {stored.amount} para {day_of(stored)}. Continua bom para você?"


# --- with the holder confirmed


def _confirmed_reply(turn: Turn) -> str:
    known = turn.past("consultar_faturas_cpf")
    if known is None and asks_for_call(turn):
        return arrange_call(turn)  # the holder is known from a call: not everything begins with the debt
    if "consultar_faturas_cpf" in turn.results and (known is None or not known.is_ok):
        result = look_up(turn)
        return _first_news(turn, Debt.of(result)) if result.is_ok else lookup_problem(turn, result)
    asks_details = turn.call is not None and _ASKS_DETAILS.search(turn.said) is not None
    fresh = (asks_details or turn.says(Signal.DEBT_QUESTION)) and turn.context.proposal is None
    if known is None or not known.is_ok or fresh or "consultar_faturas_cpf" in turn.results:
        known = look_up(turn)
        if not known.is_ok:
            return lookup_problem(turn, known)
    debt = Debt.of(known)
    if not debt.invoices:
        return _without_debt(turn, debt)
    if _typed_another_document(turn):
        return join("Por segurança, nesta conversa eu sigo só com o cadastro já confirmado.", _next_step(turn))
    if find_documents(turn.new_text) and len(turn.said) < _DOCUMENT_ALONE:
        return join(f"Seu cadastro já está confirmado{named(debt)}, não precisa mandar de novo.", _next_step(turn))
    reply = _next_step(turn) if asks_details else _helped(turn, debt)
    if turn.call is not None:
        return join(_told_in_call(turn, debt, is_asked=fresh), reply)
    return lines((debt_statement(debt), reply)) if fresh else reply


def _told_in_call(turn: Turn, debt: Debt, *, is_asked: bool) -> str | None:
    """Tell the debt where this call has not told it yet; asked for again, invoice by invoice."""
    told = turn.past("consultar_faturas_cpf")
    if told is None or not told.is_ok:
        return debt_statement(debt, in_call=True)
    return details_in_call(debt) if is_asked else None


def _typed_another_document(turn: Turn) -> bool:
    """Tell whether a document was typed that is not the one this conversation was confirmed with."""
    typed, confirmed = find_documents(turn.new_text), confirmed_document(turn)
    return bool(typed) and bool(confirmed) and confirmed not in typed


def _without_debt(turn: Turn, debt: Debt) -> str:
    if closes(turn) or turn.says(Signal.NOT_NOW):
        return farewell(turn)
    if greets_only(turn):
        return join(named_hello(turn), _CLOSING_SENTENCE)
    if _is_open_question(turn) and not turn.says(Signal.DEBT_QUESTION):
        return from_knowledge(turn, turn.new_text) or unknown_answer(turn)
    return join(no_debt(debt), _CLOSING_SENTENCE)


def _helped(turn: Turn, debt: Debt) -> str:
    """Answer every intent of the new messages, with one question at the end."""
    if turn.says(Signal.DUE_DATE):
        return from_knowledge(turn, "troca da data de vencimento da fatura") or unknown_answer(turn)
    wish = read_wish(turn, debt)
    settles = wish.date is not None or (wish.unclear is not None and not _is_no_day_in_sight(turn, wish))
    feeling = _empathy(turn)
    if asks_for_call(turn):
        return join(feeling, arrange_call(turn))
    if turn.says(Signal.PART_ONLY) and not settles:
        return "Sem problema, dá para começar por uma parte. Quanto fica bom para você?"
    if turn.says(Signal.HARDSHIP) and not settles:
        return hardship(turn)
    parts: list[str | None] = [feeling]
    if turn.context.says_paid or turn.says(Signal.PAID):
        is_part = len(debt.invoices) > 1 and _PART_PAID.search(turn.said) is not None
        parts.append(payment_notice(turn, debt, more=settles or is_part))
        if is_part and not settles:
            return join(*parts, "E a parte que falta, em que dia você consegue pagar?")
    if turn.says(Signal.DISPUTE):
        return join(*parts, "Entendo sua dúvida, e ela merece ser analisada por quem pode corrigir.", HUMAN_OFFER)
    # "Me deram 30% ontem" names no day of paying.
    is_gone_by = wish.date is None and wish.unclear is not None and wish.unclear.reason == "past_date"
    if turn.says(Signal.DISCOUNT) and (not settles or is_gone_by):
        return join(*parts, _no_discount(turn, debt))
    if _ASKS_CONCESSION.search(turn.said):
        parts.append("Desconto, juros e parcelamento só uma pessoa da equipe pode avaliar.")
    if wants_code(turn):
        parts.append(payment_code(turn, debt))
        return join(*parts, negotiate(turn, debt) if settles or turn.context.proposal else after_code(turn))
    agreed = negotiate(turn, debt)
    if agreed is not None:
        return join(*parts, agreed)
    if len([part for part in parts if part]) > (feeling is not None):
        return join(*parts)
    return join(*parts, _other_talk(turn, debt, angry=feeling is not None and turn.says(Signal.ANGER)))


def _is_no_day_in_sight(turn: Turn, wish: Wish) -> bool:
    """Tell whether hard times are told with "quando der": no day may be asked for then (Lei 14.181/2021)."""
    return (
        turn.says(Signal.HARDSHIP)
        and wish.date is None
        and wish.unclear is not None
        and re.search(r"open_ended|em aberto", fold(wish.unclear.reason)) is not None
    )


def _empathy(turn: Turn) -> str | None:
    if turn.says(Signal.ANGER):
        return "Entendo sua irritação e peço desculpas pelo incômodo."
    if turn.says(Signal.HARDSHIP):
        return "Sinto muito por esse momento, e agradeço por me contar."
    return None


def hardship(turn: Turn) -> str:
    """Stop pressing: a person may look for a way, when the customer wants."""
    return join(
        turn.pick("Sinto muito por esse momento.", "Poxa, sinto muito que você esteja passando por isso."),
        no_pressing(turn),
    )


def no_pressing(_turn: Turn) -> str:
    """Leave the holder in peace, and offer somebody who may look for a way."""
    return join(
        "Não precisa resolver nada agora.",
        "Se quiser, alguém pode ver as possibilidades com calma. Quer que eu te passe para uma pessoa da equipe?",
    )


def payment_notice(turn: Turn, debt: Debt, *, more: bool = False) -> str:
    """Note that the customer says they paid, and say what the system shows."""
    noted = turn.past("atualizar_status_cobranca")
    if noted is not None and noted.is_ok and noted.text("aguardar_ate") and not turn.results:
        return join(
            f"Seu aviso de pagamento está anotado, e vamos aguardar até {noted.text('aguardar_ate')}.",
            None
            if more
            else "Se quiser que alguém confira antes disso, quer que eu te passe para uma pessoa da equipe?",
        )
    result = turn.use("atualizar_status_cobranca", cpf_cnpj=document_argument(turn), novo_status="paid")
    if result.is_ok and result.text("situacao") == "pago":
        return f"Pronto, não consta mais nada em aberto por aqui. Agradeço muito o pagamento{named(debt)}! 😊"
    if result.is_ok:
        until, total = result.text("aguardar_ate"), result.text("total_em_aberto")
        return join(
            "Agradeço por avisar! Deixei anotado que você já pagou.",
            f"O sistema ainda mostra {total} em aberto, porque a compensação pode demorar um pouco." if total else None,
            f"Vamos aguardar até {until}." if until else None,
            None if more else "Se tiver o comprovante, guarde com você.",
        )
    match result.error:
        case "identidade_nao_confirmada":
            return "Para eu conferir o pagamento, pode me informar o CPF ou CNPJ do titular?"
        case "sem_cobranca_ativa":
            return (
                "Agradeço por avisar! Não existe nenhum acompanhamento para atualizar, "
                "então não precisa fazer mais nada."
            )
        case "sistema_indisponivel":
            return (
                "Agradeço por avisar! O sistema está fora do ar e não consegui anotar "
                "seu pagamento agora; pode me chamar de novo em alguns minutos?"
            )
        case _:
            return join("Agradeço por avisar! Não consigo anotar o pagamento por aqui.", HUMAN_OFFER)


# --- the rest of the talk


def _no_discount(turn: Turn, debt: Debt) -> str:
    if turn.recent_replies and "desconto nem parcelar" in turn.recent_replies[-1]:
        return join("Desconto, juros e parcelamento só uma pessoa da equipe pode avaliar.", HER_OFFER)
    start = "Entendo! Por aqui não tenho autorização para dar desconto nem parcelar."
    if len(debt.invoices) > 1:
        return join(
            start,
            "Posso combinar um dia para o total ou só para a fatura mais antiga, ou "
            "te passo para uma pessoa da equipe. O que prefere?",
        )
    return join(start, "Posso combinar um dia para o pagamento, ou te passo para uma pessoa da equipe. O que prefere?")


def _is_open_question(turn: Turn) -> bool:
    return "?" in turn.new_text or any(
        turn.says(signal) for signal in (Signal.PROBLEM, Signal.HOURS, Signal.CONSEQUENCE, Signal.PRODUCT)
    )


def _other_talk(turn: Turn, debt: Debt, *, angry: bool) -> str:
    """Answer what is neither payment, code nor agreement."""
    context = turn.context
    if not turn.said:
        return join(named_hello(turn), "Passando para saber se ficou alguma dúvida.", _next_step(turn))
    if turn.says(Signal.DEBT_QUESTION) and context.proposal is not None:
        return _next_step(turn)
    if turn.says(Signal.REFUSES_PAY) and turn.says(Signal.PROBLEM):
        return join(
            "Entendo, e é justo querer o serviço funcionando. Quem resolve isso é uma pessoa da equipe.", HER_OFFER
        )
    if turn.says(Signal.REFUSES_PAY):
        return _left_in_peace(turn)
    told = about_promise(turn)
    if told is not None:
        return told
    if turn.says(Signal.DEBT_QUESTION):
        return ask_day(turn, None) if context.promise is None else _promise_reminder(debt) or _CLOSING_SENTENCE
    if turn.says(Signal.SURPRISE) and not turn.is_yes:
        return _explained(debt)
    if turn.says(Signal.FEES):
        return from_knowledge(turn, turn.new_text) or unknown_answer(turn)
    if turn.says(Signal.CONFUSED):
        return lines((debt_statement(debt, in_call=turn.call is not None), _next_step(turn)))
    if angry:
        return HUMAN_OFFER
    if turn.says(Signal.WHO) or turn.says(Signal.DISTRUST):
        return join(introduction(turn), "Nunca peço senha nem dados de cartão.", _next_step(turn))
    if turn.says(Signal.CONSEQUENCE):
        known = from_knowledge(turn, turn.new_text)
        return known or join("Entendo a preocupação.", unknown_answer(turn))
    if closes(turn) and not (context.proposal and turn.is_yes):
        return farewell(turn)
    if greets_only(turn) and not turn.is_yes:
        return join(named_hello(turn), _next_step(turn))
    if (
        turn.says(Signal.NOT_NOW)
        or offered_human(turn)
        or (turn.said_before(Signal.HARDSHIP, bursts=2) and not turn.is_yes)
    ):
        name = holder_name(turn)
        return f"Tudo bem{', ' + name if name else ''}, sem pressa. Quando quiser retomar, é só me chamar por aqui."
    if turn.says(Signal.PAY_INTENT):
        return "Que ótimo! Prefere que eu te mande o Pix agora ou quer combinar um dia?"
    if _PAPER.search(turn.said) and turn.says(Signal.REQUEST):
        return join("Esse documento quem providencia é uma pessoa da equipe.", HER_OFFER)
    if _is_open_question(turn):
        return join(from_knowledge(turn, turn.new_text) or unknown_answer(turn))
    if context.promise is not None:
        return join(f"Está tudo combinado: {context.promise.amount} para {day_of(context.promise)}.", _CLOSING_SENTENCE)
    if turn.is_no:
        return join(
            "Sem problema.",
            "Qual dia ficaria bom para você?",
            "Se preferir, posso te passar para uma pessoa da equipe.",
        )
    if turn.is_yes and asked_amount(turn):
        return ask_amount(debt)
    is_clear = turn.is_yes or re.search(r"\b(?:registr|confirm|volt)", turn.said) is not None
    return join("Certo!" if is_clear else "Não sei se entendi bem.", _next_step(turn))


def _explained(debt: Debt) -> str:
    """Say where the amount comes from, as far as the tool told it."""
    count = len(debt.invoices)
    source = f"a soma das {count} faturas" if count > 1 else f"a fatura que venceu em {debt.oldest.due}"
    return join(
        f"Entendo a surpresa! O valor de {debt.total} é {source}.",
        "Os detalhes quem confere com você é uma pessoa da equipe.",
        HER_OFFER,
    )


def _left_in_peace(turn: Turn) -> str:
    """Take a refusal as it is: no pressing, and the truth about what is stored."""
    name, stored = holder_name(turn), turn.context.promise
    start = f"Tudo bem{', ' + name if name else ''}, sem pressão."
    if stored is None:
        return join(start, "Quando quiser retomar, é só me chamar por aqui.")
    return join(
        start,
        f"Por enquanto o combinado de {stored.amount} para {day_of(stored)} continua valendo, e posso mudar o dia.",
        "Prefere mudar, ou quer que eu te passe para uma pessoa da equipe?",
    )


def _next_step(turn: Turn) -> str:
    """Return the one question that moves the talk on."""
    context = turn.context
    if context.proposal is not None:
        proposed = f"{context.proposal.amount} para {day_of(context.proposal)}"
        return f"Ficou pendente o combinado de {proposed}. Posso registrar?"
    if context.promise is not None:
        return _CLOSING_SENTENCE
    return ask_day(turn, None)
