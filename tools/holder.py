"""Which document a collection tool may touch: the confirmed one, whatever the model passes (spec 2.1)."""

from domain.documents import InvalidDocument, parse_document
from tools.context import ToolRun
from tools.results import Answer, refuse

_LONGEST_DOCUMENT = 40


def confirmed_document(run: ToolRun, given: str) -> str | None:
    """Give the confirmed document; None when there is none, or when another valid one was asked for."""
    if run.identity["status"] != "confirmada":
        return None
    confirmed = run.identity.get("document")
    try:
        asked: str = parse_document(given[:_LONGEST_DOCUMENT])
    except InvalidDocument:
        return confirmed
    return confirmed if asked == confirmed else None


def not_confirmed() -> Answer:
    return refuse(
        "identidade_nao_confirmada",
        "A identidade não está confirmada para este documento. Não fale de dívida. Peça o CPF ou CNPJ do titular e use "
        "consultar_faturas_cpf primeiro.",
    )
