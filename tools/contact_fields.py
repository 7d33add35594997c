"""Keep what the customer told about themselves in the fields the tenant defined."""

from datetime import datetime

from langchain_core.tools import tool

from domain.effects import SaveContactField
from domain.turns import Evidence
from services.contact_fields import FieldUnknown, ValueUnfit, check_field
from tools.context import ToolResult
from tools.injected import Run
from tools.results import Answer, action_of, answer, date_of, refuse, text_of

_NAME = "salvar_dado_contato"
_EXPECTED = {
    "email": "um e-mail completo",
    "number": "um número",
    "date": "uma data em DD/MM/AAAA",
    "text": "um texto curto, sem CPF nem CNPJ",
}


@tool(_NAME, response_format="content_and_artifact", parse_docstring=True)
async def save_contact_field(campo: str, valor: str, run: Run) -> Answer:
    """Guarda um dado que o cliente informou sobre si, nos campos que a empresa definiu (`campos` no contexto).

    Use quando o cliente der, por exemplo, o e-mail ou o endereço e o campo existir.
    Não use para CPF ou CNPJ, senhas ou cartões, nem com dado que o cliente não disse.
    Grava: o campo do contato.

    Args:
        campo: o nome do campo, como em `campos`.
        valor: o dado, como o cliente disse; datas em DD/MM/AAAA.
    """
    try:
        name, value = await check_field(run.deps.database, run.turn.tenant.id, name=campo, value=valor)
    except FieldUnknown as error:
        message = "Esse campo não está definido. Use um destes, ou não guarde o dado."
        return refuse("campo_nao_definido", message, campos=error.names)
    except ValueUnfit as error:
        return refuse("valor_invalido", f"O valor não serve: este campo espera {_EXPECTED[error.kind]}.")
    evidence: tuple[Evidence, ...] = (action_of("field_saved", _NAME), text_of(value, _NAME), *_dates(value))
    result = ToolResult(content={}, effects=(SaveContactField(name=name, value=value),), evidence=evidence)
    return answer({"campo": name, "valor": value}, result)


def _dates(value: str) -> tuple[Evidence, ...]:
    try:
        day = datetime.strptime(value, "%d/%m/%Y").date()  # noqa: DTZ007  # a day has no zone
    except ValueError:
        return ()
    return (date_of(day, _NAME),)
