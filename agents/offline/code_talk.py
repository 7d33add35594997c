"""Second copies in the collection talk: which invoice, Pix or boleto, and what the tool answered."""

import re
from dataclasses import replace
from typing import Final

from agents.offline.courtesy import offered_human
from agents.offline.debt import Debt, OpenInvoice
from agents.offline.identity_talk import document_argument
from agents.offline.phrases import HUMAN_OFFER, join
from agents.offline.reading import ToolResult, Turn
from agents.offline.signals import Signal, says
from domain.wording import fold

_OFFERED_PIX: Final = re.compile(r"\bpix\b")
_CODE_FOLLOWS: Final = "vai na próxima mensagem"
_AGAIN_OR_OTHER: Final = re.compile(r"\b(?:de novo|novamente|outra vez|reenvi\w+|d?[ao] outr[ao]|outra tambem)\b")
_OFFERED_BOLETO: Final = re.compile(r"\bboleto\b")
_SEVERAL_CODES: Final = re.compile(
    r"\b(?:[ao]s|d[ao]s) (?:duas|dois|tres|quatro|outras)\b|\b(?:tod[ao]s|ambas|ambos)\b"
)
_INVOICE_NUMBER: Final = re.compile(
    r"\b(?:fat|nf)[a-z]*[- ]?(?:n[ou°]?\.? ?|numero )?((?:fat-?)?\d{3,10})\b(?![/,.]\d)"
)
_ASKS_RECONNECTION: Final = re.compile(r"\b(?:volta\w*|relig\w+|desbloque\w+|compensa\w*|demora)\b")


def wants_code(turn: Turn) -> bool:
    """Tell whether a code is asked for, or accepted after it was offered."""
    if "gerar_segunda_via" in turn.results:
        return True
    if turn.context.dates and not turn.says(Signal.REQUEST):
        return False  # "pago dia 10 no pix" names the way to pay, it asks for nothing
    if _names_other_invoice(turn):
        return True
    if turn.says(Signal.CODE):
        paid_by = turn.says(Signal.PAID) or turn.context.says_paid
        return not (paid_by or _asks_what_follows(turn)) and not (turn.is_no and not turn.says(Signal.CORRECTION))
    offered = _OFFERED_PIX.search(turn.asked) or _OFFERED_BOLETO.search(turn.asked)
    return (
        bool(offered)
        and not offered_human(turn)
        and turn.context.proposal is None
        and (turn.is_plain_yes or turn.said == "agora")
    )


def _asks_what_follows(turn: Turn) -> bool:
    """Tell whether Pix or boleto only stands in a question on what comes after paying ("no Pix volta quando?")."""
    return "?" in turn.new_text and not turn.says(Signal.REQUEST) and bool(_ASKS_RECONNECTION.search(turn.said))


def _names_other_invoice(turn: Turn) -> bool:
    """Tell whether, right after a code was sent, the customer only points at an invoice ("a de novembro")."""
    known = turn.past("consultar_faturas_cpf")
    if _CODE_FOLLOWS not in turn.last_reply or len(turn.said) >= 40 or known is None:
        return False
    return _AGAIN_OR_OTHER.search(turn.said) is not None or Debt.of(known).named(turn.said) is not None


def _invoice_meant(turn: Turn, debt: Debt) -> OpenInvoice:
    """Return the invoice named, else the other one, the one just sent, or the oldest.

    A number that is not open is passed on as it is: the tool knows the open ones, and nobody gets another's code.
    """
    unknown = _INVOICE_NUMBER.search(turn.said)
    if unknown is not None and not any(_digits(one.number) == _digits(unknown[1]) for one in debt.invoices):
        return replace(debt.oldest, number=unknown[1])
    named = debt.named(turn.said)
    sent = turn.past("gerar_segunda_via")
    if named is not None or sent is None or not sent.is_ok:
        return named or debt.oldest
    is_other = re.search(r"\boutra\b(?! vez)", turn.said) is not None
    fitting = [invoice for invoice in debt.invoices if (invoice.number == sent.text("numero")) != is_other]
    return fitting[0] if fitting else debt.oldest


def _digits(number: str) -> str:
    return re.sub(r"\D", "", number).lstrip("0")


def _form(turn: Turn) -> str:
    if not turn.says(Signal.CODE) and _OFFERED_BOLETO.search(turn.asked) and not _OFFERED_PIX.search(turn.asked):
        return "boleto"
    said = next(
        (text for text in (turn.said, *map(fold, reversed(turn.earlier_texts[-4:]))) if says(text, Signal.CODE)), ""
    )
    if re.search(r"\bpix\b", said) and not re.search(r"\b(nao|sem) .{0,15}pix\b", said):
        return "pix"
    asked_boleto = (
        not turn.says(Signal.CODE) and _OFFERED_BOLETO.search(turn.asked) and not _OFFERED_PIX.search(turn.asked)
    )
    return "boleto" if says(said, Signal.BOLETO) or asked_boleto else "pix"


def payment_code(turn: Turn, debt: Debt) -> str:
    """Have the code of the named invoice (else the oldest) sent as its own message."""
    if turn.call is not None and not turn.call.has_text:
        return join("Não tenho como te mandar o código por mensagem agora.", HUMAN_OFFER)
    invoice = _invoice_meant(turn, debt)
    result = turn.use(
        "gerar_segunda_via", cpf_cnpj=document_argument(turn), numero_fatura=invoice.number, forma=_form(turn)
    )
    outcome = _code_outcome(turn, result)
    if result.is_ok and turn.call is None and len(debt.invoices) > 1 and _SEVERAL_CODES.search(turn.said):
        return join(outcome, "Mando um código de cada vez: quando quiser o próximo, é só pedir “o da outra”.")
    return outcome


def _code_outcome(turn: Turn, result: ToolResult) -> str:
    wanted = _form(turn)
    if result.is_ok:
        what = "código Pix" if (result.text("forma") or wanted) == "pix" else "boleto"
        if turn.call is not None:
            return f"Pronto, o {what} da fatura de {result.text('valor')} vai por mensagem para você."
        return (
            f"O {what} da fatura {result.text('numero')}, de {result.text('valor')}, "
            f"{_CODE_FOLLOWS}: é só copiar e colar no app do seu banco."
        )
    match result.error:
        case "identidade_nao_confirmada":
            return "Para eu enviar, preciso confirmar com quem falo. Pode me informar o CPF ou CNPJ do titular?"
        case "fatura_nao_encontrada":
            names = ", ".join(str(name) for name in _list(result.data.get("faturas")))
            return f"Não encontrei essa fatura. As que estão em aberto são: {names}. Qual delas?" if names else join(
                "Não localizei essa fatura.", HUMAN_OFFER)  # fmt: skip
        case "forma_invalida" | "forma_indisponivel":
            other = "boleto" if wanted == "pix" else "Pix"
            return f"Essa forma de pagamento não está disponível agora. Prefere que eu gere por {other}?"
        case "sistema_indisponivel":
            return (
                "O sistema está fora do ar e não consegui gerar o código agora. Pode me "
                "pedir de novo em alguns minutos?"
            )
        case _:
            return join("Não consigo gerar o código por aqui.", HUMAN_OFFER)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def after_code(turn: Turn) -> str | None:
    """Ask how the payment goes on, once a code was sent."""
    result = turn.results.get("gerar_segunda_via")
    if result is None or not result.is_ok:
        return None
    if turn.context.promise is not None:
        return None if turn.call is None else "Posso ajudar em mais alguma coisa?"
    return "Consegue pagar ainda hoje, ou prefere combinar um dia?"
