"""Negotiating a payment promise: which day, which amount, read back, stored after a yes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from agents.offline.debt import Debt, amounts_in, bare_amount, cents_of, chosen_amount
from agents.offline.identity_talk import document_argument
from agents.offline.phrases import HER_OFFER, HUMAN_OFFER, day_of, holder_name, join, on_day
from agents.offline.reading import Agreement, SaidDate, ToolResult, Turn, last_question
from agents.offline.recall import dates_said, day_from
from agents.offline.signals import Signal, says
from domain.spoken_hearing import plainly_said
from domain.wording import fold

_THE_REST: Final = re.compile(
    r"\be (?:[oa] )?(?:resto|restante|outra (?:parte|metade))\b|\bmetade\b.+\bmetade\b", re.DOTALL
)
_ANOTHER_ONE: Final = re.compile(
    r"\b(?:e|tambem|[ao]s?) (?:outras?(?! (?:data|hora|coisa|duvida|pergunta))|outros?(?! (?:dia|assunto))|restantes?"
    r"|que falta\w*|resto)\b"
    r"|\be [ao] de (?:janeiro|fevereiro|marco|abril|maio|junho|julho|agosto|setembro|outubro|novembro|dezembro)\b"
)
_AT_ONCE: Final = re.compile(r"\b(?:agora(?! nao)|agorinha|ja ja|imediatamente)\b")
_PAYS_AT_ONCE: Final = re.compile(r"\b(?:pag\w+|quit\w+|acert\w+)\b[^.!?\n]{0,25}\bagora\b(?! nao)")
_ONLY_CHOOSES: Final = re.compile(
    r"\W*(?:(?:so|pago|quero|pode ser|prefiro|vou|pagar|comecar|comeco|com|por|pel[ao]|eu|[ao]s?|uma?|o valor)\s+)*"
    r"(?:mais (?:antiga|velha|nova|recente)|primeira|ultima|total|duas|metade|ambas)\W*"
)
_COMES_IN: Final = (
    r"\b(?:recebo|receberei|vou receber|me pagam|cai|entra)\b(?:(?!pag|acert|quit|mas\b)[^.,;!?\n\d]){0,20}?\b"
)
_ASKED_AMOUNT: Final = re.compile(r"\b(valor|quanto|total|mais antiga|tudo)\b")
_BEFORE_IDENTITY: Final = 3  # messages; what was said longer ago is another matter
_CHANGES_DAY: Final = re.compile(r"\b(mud\w+|troc\w+|outr[ao])\b.{0,15}\b(data|dia)\b")
_SETTLES_ALL: Final = re.compile(
    r"\bquit\w+ (?:a divida |o total )?tud[oa]\b|\btudo (?:\w+ )?quitad[oa]\b|\bnao devo mais nada\b"
)
_ASKS_OTHERS: Final = re.compile(
    r"\b(?:ver|falar|conversar|combinar|confirmar|checar|perguntar)\b(?: (?:isso|primeiro|antes))? com "
    r"(?!voc|vc|alguem|(?:a |uma )?pessoa|atendente)|\bperguntar (?:para|pro|pra|ao?) "
    r"|\bnao sei se (?:vou |eu )?(?:consig|conseg|poss|da\b|vai dar|tenho|terei)"
)
_ASKED_DAY: Final = re.compile(r"\b(dias?|data|quando|quis dizer)\b")
# What the date grammar gives as the reason, by the words that tell it; any other is answered in the customer's words.
_DAY_PROBLEMS: Final = (
    (r"no_such|nao existe", "Essa data não existe no calendário. Qual dia fica bom para você?"),
    (r"past|passou|passad", "Essa data já passou. Qual dia, de hoje em diante, fica bom para você?"),
    (r"mismatch|nao bate", "Fiquei na dúvida: esse dia da semana não bate com essa data. Qual dia é o certo?"),
    (r"ambiguous_range|mais de um dia", "Entre esses dias, qual fica melhor para você, exatamente?"),
    (r"approximate|aproximada", "Entendi, por volta desse dia! Para eu anotar certinho, qual seria o dia exato?"),
    (r"refused|recus|nao pode", "Sem problema. Qual dia fica bom para você, então?"),
    (r"income|dinheiro", "Entendi, quando o dinheiro entrar! Para eu anotar certinho, que dia isso costuma acontecer?"),
    (r"open_ended|em aberto", "Entendi! Para eu anotar certinho, qual seria o dia exato?"),
)
_METHODS: Final = (("pix", "pix"), ("boleto", "boleto"), ("cartao", "cartão"), ("em dinheiro", "dinheiro"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What the customer settled so far; None = still open."""

    date: str | None
    amount: str | None
    unclear: SaidDate | None
    several_days: bool = False


def _sure(dates: Sequence[SaidDate]) -> list[str]:
    return [said.date for said in dates if said.certainty == "certa" and said.date]


def _meant_dates(turn: Turn) -> list[SaidDate]:
    """Return the days that may be days of paying; one gone by is none, unless a payment made on it is what was told."""
    today = day_from(turn.context.date)
    is_past_payment = turn.says(Signal.PAID) or turn.context.says_paid
    meant: list[SaidDate] = []
    for said in turn.context.dates:
        day = day_from(said.date)
        if said.certainty != "certa" or today is None or day is None:
            if not (is_past_payment and said.reason == "past_date"):
                meant.append(said)
        elif day > today or (day == today and not is_past_payment):
            meant.append(said)
        elif not is_past_payment:
            meant.append(replace(said, certainty="invalida", reason="past_date"))
    of_paying = [said for said in meant if not _is_payday(turn, said)]
    return of_paying or meant


def _is_payday(turn: Turn, said: SaidDate) -> bool:
    """Tell whether money comes in on a day ("recebo dia 25"): it is no day of paying when another one is named."""
    excerpt = fold(said.excerpt)
    return bool(excerpt) and re.search(rf"{_COMES_IN}{re.escape(excerpt)}", turn.said) is not None


def read_wish(turn: Turn, debt: Debt) -> Wish:
    """Read day and amount from the new messages, completed by the proposal and by what was said just before."""
    context = turn.context
    dates = _meant_dates(turn)
    sure = _sure(dates)
    unclear = next((said for said in reversed(dates) if said.certainty != "certa"), None) if not sure else None
    amounts = context.amounts or bare_amount(turn.said)
    talks_money = bool(sure or unclear or context.proposal or amounts or asked_amount(turn))
    talks_money = talks_money or turn.says(Signal.PAY_INTENT) or _ONLY_CHOOSES.fullmatch(turn.said) is not None
    # "Não pago, fiquei o mês inteiro sem internet" chooses nothing.
    refuses = turn.says(Signal.REFUSES_PAY) and not (sure or context.amounts)
    tells_paid = (turn.says(Signal.PAID) or context.says_paid) and bool(context.amounts)  # not what will be paid
    is_silent = refuses or tells_paid or not talks_money
    amount = None if is_silent else chosen_amount(turn.said, amounts, debt)
    date = sure[-1] if sure else None
    is_at_once = _AT_ONCE.search(turn.said) if context.amounts else _PAYS_AT_ONCE.search(turn.said)
    if date is None and unclear is None and amount is not None and is_at_once and "?" not in turn.new_text:
        date = context.date or None
    several = len(set(sure)) > 1 and not turn.says(Signal.CORRECTION)
    is_split = len(set(context.amounts)) > 1 and bool(sure) and bool(_AT_ONCE.search(turn.said))
    several = several or (is_split and not turn.says(Signal.CORRECTION))
    several = several or (bool(context.amounts or sure) and _THE_REST.search(turn.said) is not None)
    if context.proposal is not None:
        return Wish(date=date, amount=amount, unclear=unclear, several_days=several)
    if amount is None and (date or unclear):
        stored = context.promise.amount if context.promise is not None and date else None
        amount = _earlier_amount(turn, debt) or stored or (debt.total if len(debt.invoices) == 1 else None)
    elif amount is not None and date is None and unclear is None:
        date = next(iter(reversed(_sure(_earlier_dates(turn)))), None)
    return Wish(date=date, amount=amount, unclear=unclear, several_days=several)


def asked_amount(turn: Turn) -> bool:
    """Tell whether the last question was about the amount."""
    return bool(turn.asked) and _ASKED_AMOUNT.search(turn.asked) is not None


def _earlier_amount(turn: Turn, debt: Debt) -> str | None:
    """Return an amount chosen a moment ago, when the day was what we asked for."""
    if not (turn.asked and _ASKED_DAY.search(turn.asked)):
        return None
    for text in (_answer_about_amount(turn), *reversed(turn.earlier_texts[-2:])):
        folded = fold(text)
        amount = chosen_amount(folded, amounts_in(folded), debt)
        if amount is not None:
            return amount
    return None


def _answer_about_amount(turn: Turn) -> str:
    """Return what was answered in a call to the question for an amount ("cento e vinte"), its unit added."""
    if turn.call is None or len(turn.recent_replies) < 2 or not turn.earlier_texts:
        return ""
    if not _ASKED_AMOUNT.search(last_question(turn.recent_replies[-2])):
        return ""
    return plainly_said(turn.earlier_texts[-1], expects_amount=True)


def _earlier_dates(turn: Turn) -> Sequence[SaidDate]:
    """Return the days said a moment ago, when the amount was what we asked for."""
    if not asked_amount(turn):
        return ()
    for text in reversed(turn.earlier_texts[-2:]):
        found = dates_said(text if turn.call is None else plainly_said(text), turn.context.date)
        if found:
            return found
    return ()


def confirms_proposal(turn: Turn, wish: Wish) -> bool:
    """Tell whether the new messages say yes to the proposal that was read back, and change nothing in it."""
    proposal = turn.context.proposal
    if proposal is None or wish.unclear is not None or not _agrees(turn):
        return False
    same_day = wish.date in (None, proposal.date)
    return same_day and (wish.amount is None or cents_of(wish.amount) == cents_of(proposal.amount))


def _agrees(turn: Turn) -> bool:
    """Tell whether the customer says yes and nothing against it; in doubt the proposal is read back again."""
    if turn.is_no or "?" in turn.new_text or turn.says(Signal.RESERVE) or turn.says(Signal.HARDSHIP):
        return False
    return turn.context.is_yes or turn.is_plain_yes


def promise(turn: Turn, *, date: str, amount: str) -> str:
    """Ask for the promise to be noted or stored and say what came of it."""
    args: dict[str, object] = {
        "cpf_cnpj": document_argument(turn),
        "data_prevista_pagamento": date,
        "valor_prometido": amount,
    }
    method = next((name for word, name in _METHODS if word in turn.said), None)
    if method is not None:
        args["metodo_pagamento"] = method
    return promise_outcome(turn, turn.use("registrar_promessa_pagamento", **args))


def promise_outcome(turn: Turn, result: ToolResult) -> str:
    """Say what the promise tool answered: read back, stored, or refused and why."""
    agreement = Agreement.of(result.data)
    if result.is_ok and agreement is not None:
        if result.text("situacao") != "registrada":
            stored = turn.context.promise
            instead = f", no lugar do combinado de {stored.amount} para {day_of(stored)}" if stored else ""
            return f"Então fica assim: {agreement.amount} {on_day(agreement)}{instead}. Posso registrar?"
        protocol = result.text("protocolo")
        return join(
            f"Combinado{_comma(turn)}! Registrei o seu compromisso de pagar {agreement.amount} {on_day(agreement)}.",
            "Este combinado substitui o anterior." if result.data.get("substitui_anterior") is True else None,
            f"Protocolo: {protocol}." if protocol else None,
            _after_promise(turn),
        )
    return _promise_problem(result)


def _after_promise(turn: Turn) -> str:
    """Go on after the agreement; in a call a code can only be offered where a message can carry it."""
    if turn.call is not None:
        may_send = turn.call.has_text and _may_offer_code(turn)
        return "Quer que eu te mande o código Pix por mensagem?" if may_send else "Posso ajudar em mais alguma coisa?"
    return "Agradeço a conversa! 😊" if not _may_offer_code(turn) else "Quer que eu já te envie o código Pix?"


def _comma(turn: Turn) -> str:
    name = holder_name(turn)
    return f", {name}" if name else ""


def _may_offer_code(turn: Turn) -> bool:
    return "gerar_segunda_via" in turn.tools and "gerar_segunda_via" not in turn.results


def _promise_problem(result: ToolResult) -> str:
    limit, total = result.text("limite"), result.text("total")
    match result.error:
        case "identidade_nao_confirmada":
            return "Antes de combinar, preciso confirmar com quem falo. Pode me informar o CPF ou CNPJ do titular?"
        case "data_invalida":
            return "Essa data não existe no calendário. Qual dia você prefere?"
        case "data_passada":
            return "Essa data já passou. Qual dia, de hoje em diante, fica bom para você?"
        case "data_alem_do_limite":
            until = f" até {limit}" if limit else ""
            return f"Essa data fica além do prazo que posso combinar por aqui. Consegue algum dia{until}?"
        case "valor_invalido":
            return "Não consegui entender o valor. Quanto você consegue pagar?"
        case "valor_acima_da_divida":
            what = f", que é de {total}" if total else ""
            return f"Esse valor passa do total em aberto{what}. Quer combinar o total?"
        case "sem_divida":
            return "Boa notícia: no momento você não precisa combinar nenhum pagamento. 😊"
        case "sistema_indisponivel":
            return join("O sistema ficou fora do ar e não consegui gravar o combinado. Desculpe!",
                        "Pode me chamar de novo em alguns minutos, ou prefere falar "
                            "com uma pessoa da equipe?")  # fmt: skip
        case _:
            return join("Não consigo gravar o combinado por aqui.", HUMAN_OFFER)


def ask_day(turn: Turn, unclear: SaidDate | None) -> str:
    """Ask which day exactly, saying why the one named does not settle it."""
    if unclear is None:
        return turn.pick("Em que dia você consegue pagar?", "Qual dia fica bom para você pagar?")
    reason = fold(unclear.reason)
    if len(unclear.options) == 2 and re.search(r"mismatch|nao bate|ambiguous_week|proxima|daqui a uma semana", reason):
        return f"Só para eu anotar certinho: você quis dizer {unclear.options[0]}, ou {unclear.options[1]}?"
    known = next((answer for words, answer in _DAY_PROBLEMS if re.search(words, reason)), None)
    if known is not None:
        return known
    if unclear.certainty == "invalida":
        return _DAY_PROBLEMS[0][1]
    quote = unclear.excerpt.strip() if not re.search(r"\d", unclear.excerpt) else ""
    why = f"“{quote}” pode cair em dias diferentes" if quote else "assim fico na dúvida entre mais de um dia"
    return f"Entendi! Só que {why}, e quero anotar certinho: qual dia exatamente, por favor?"


def ask_amount(debt: Debt) -> str:
    """Ask which amount, with the two that are usual."""
    return f"Você quer pagar o total, {debt.total}, ou começar pela fatura mais antiga, de {debt.oldest.amount}?"


def negotiate(turn: Turn, debt: Debt) -> str | None:
    """Move the negotiation one step on; None when the new messages do not touch it."""
    if "registrar_promessa_pagamento" in turn.results:
        result = turn.results["registrar_promessa_pagamento"]
        return join(_settles_less(turn, debt, result), promise_outcome(turn, result))
    wish = read_wish(turn, debt)
    proposal = turn.context.proposal
    if proposal is not None and confirms_proposal(turn, wish):
        return promise(turn, date=proposal.date, amount=proposal.amount)
    if proposal is not None and wish.date is None and _ASKS_OTHERS.search(turn.said):
        return "Claro, sem pressa: ainda não gravei nada. Quando souber, me avisa por aqui que eu registro."
    if wish.several_days:
        return "Consigo anotar um pagamento por vez. Qual dia e valor você quer deixar certo primeiro?"
    if wish.unclear is not None:
        return ask_day(turn, wish.unclear)
    if _repeats_promise(turn, wish):
        return None
    if turn.context.promise is not None and proposal is None and _ANOTHER_ONE.search(turn.said):
        return join(
            f"O combinado de {turn.context.promise.amount} para {day_of(turn.context.promise)} está registrado, "
            "e por aqui eu só consigo deixar um por vez. Para combinar as outras também, quem ajuda é uma pessoa da "
            "equipe.",
            HER_OFFER,
        )
    date = wish.date or (proposal.date if proposal and wish.amount else None)
    amount = wish.amount or (proposal.amount if proposal and wish.date else None)
    if date and amount:
        return promise(turn, date=date, amount=amount)
    if date:
        return ask_amount(debt)
    if amount:
        return join(
            "Ótimo, esse valor já ajuda." if cents_of(amount) != cents_of(debt.total) else "Ótimo!", ask_day(turn, None)
        )
    if _moves_promise(turn, wish) or (proposal is not None and _CHANGES_DAY.search(turn.said)):
        return "Sem problema! Para qual dia você quer mudar?"
    if proposal is not None and turn.is_no:
        return "Sem problema, ainda não gravei nada. O que você prefere mudar: o dia ou o valor?"
    return None


def _settles_less(turn: Turn, debt: Debt, result: ToolResult) -> str | None:
    """Correct who takes a part for the whole, before the yes: silence would bind the company (CDC arts. 31 and 46)."""
    agreement = Agreement.of(result.data)
    if not result.is_ok or agreement is None or _SETTLES_ALL.search(turn.said) is None:
        return None
    amount, total = cents_of(agreement.amount), cents_of(debt.total)
    if amount is None or total is None or amount >= total:
        return None
    return f"Esse valor é uma parte e não quita tudo: o total em aberto é de {debt.total}."


def take_up_wish(turn: Turn, debt: Debt) -> str | None:
    """Propose the one day of paying named while the holder was still to be confirmed; None when there was none."""
    today = day_from(turn.context.date)
    if turn.context.proposal is not None or turn.context.promise is not None or today is None:
        return None
    for text in reversed(turn.earlier_texts[-_BEFORE_IDENTITY:]):
        said = text if turn.call is None else plainly_said(text)
        folded = fold(said)
        amounts = amounts_in(folded)
        found = dates_said(said, turn.context.date)
        if not found or "?" in text or not (amounts or says(folded, Signal.PAY_INTENT)):
            continue
        days = {day for date in _sure(found) if (day := day_from(date)) is not None and day >= today}
        if len(days) != 1 or len(found) > 1:
            return None
        amount = chosen_amount(folded, amounts, debt) or (debt.total if len(debt.invoices) == 1 else None)
        return promise(turn, date=found[0].date, amount=amount) if amount else ask_amount(debt)
    return None


def _moves_promise(turn: Turn, wish: Wish) -> bool:
    """Tell whether the customer wants the stored promise on another day, without naming one."""
    stored = turn.context.promise
    if stored is None or wish.date is not None or wish.unclear is not None:
        return False
    return bool(_CHANGES_DAY.search(turn.said)) or (turn.is_no and "continua bom" in turn.asked)


def _repeats_promise(turn: Turn, wish: Wish) -> bool:
    """Tell whether the customer only repeats what is already stored."""
    stored = turn.context.promise
    if stored is None or turn.context.proposal is not None:
        return False
    same_amount = wish.amount is None or cents_of(wish.amount) == cents_of(stored.amount) or not turn.context.amounts
    return wish.date == stored.date and same_amount
