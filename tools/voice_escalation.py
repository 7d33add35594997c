"""Have the customer called: agreed in the text, rung through the gate with what was said so far (spec 5.1)."""

from langchain_core.tools import tool

from domain.call_requests import is_cancelling, when_words
from domain.effects import CancelCall, RequestCall
from domain.errors import InvalidInput
from domain.turns import Evidence
from services.call_requests import (
    CallAlreadyAsked,
    CallNotAllowed,
    NoPhone,
    NoVoiceAccount,
    OutsideCallHours,
    has_waiting,
    plan_call,
)
from services.plain_text import tidy, tidy_line
from tools.context import ToolResult, ToolRun
from tools.injected import Run
from tools.results import Answer, answer, date_of, refuse

_NAME = "escalar_para_voz"
_REASON_LIMIT = 300
_WHEN_LIMIT = 80
_SCHEDULED: Evidence = {"kind": "action", "value": "call_scheduled", "source": _NAME}
_PAST = "must not be past"


@tool(_NAME, response_format="content_and_artifact", parse_docstring=True)
async def escalate_to_voice(motivo: str, run: Run, quando: str = "") -> Answer:
    """Agenda uma ligação nossa para este cliente, com o que já foi conversado.

    Use quando o cliente pedir ("pode me ligar?", "prefiro por telefone"), quando for urgente, ou quando ele aceitar a
    sua oferta de ligar. Diga a ele o horário que vier em `quando`, com as mesmas palavras.
    Sem `quando` a ligação é agora, em dois minutos. Fora do horário permitido vem `proximo_horario`: pergunte se serve
    e só então chame de novo com ele em `quando`. Para desmarcar, chame com quando="cancelar".
    Não use se o cliente só quer ser respondido por aqui, nem diga que vai ligar antes de "situacao": "agendada".
    Grava: o pedido de ligação.

    Args:
        motivo: o que o cliente quer tratar por telefone, em uma frase.
        quando: o dia e a hora que o cliente disse ("amanhã às 15h", "daqui a meia hora"); vazio para já.
    """
    wanted = tidy_line(quando, limit=_WHEN_LIMIT)
    if is_cancelling(wanted):
        return await _cancel(run)
    planned = next((effect for effect in reversed(run.effects) if isinstance(effect, RequestCall)), None)
    turn = run.turn
    try:
        plan = await plan_call(
            run.deps.database, tenant=turn.tenant, contact_id=turn.contact.id, conversation_id=turn.conversation_id,
            wanted=wanted, now=turn.now, planned_at=planned.wanted_at if planned else None,
        )  # fmt: skip
    except CallAlreadyAsked as error:
        when = when_words(error.wanted_at, now=turn.now, zone=error.zone)
        agreed = (_SCHEDULED, date_of(error.wanted_at.astimezone(error.zone).date(), _NAME))
        message = "Já há uma ligação combinada. Diga para quando é; se quiser outro horário, chame com ele em quando."
        return refuse("ja_agendada", message, ToolResult(content={}, evidence=agreed), quando=when)
    except OutsideCallHours as error:
        when = when_words(error.next_at, now=turn.now, zone=error.zone)
        offered = (date_of(error.next_at.astimezone(error.zone).date(), _NAME),)
        message = "Nesse horário não podemos ligar. Ofereça o próximo horário e chame de novo se o cliente aceitar."
        return refuse("fora_do_horario", message, ToolResult(content={}, evidence=offered), proximo_horario=when)
    except InvalidInput as error:
        return _unclear(error)
    except (NoPhone, CallNotAllowed, NoVoiceAccount) as error:
        return _impossible(error)
    reason = tidy(motivo, limit=_REASON_LIMIT) or "sem motivo informado"
    effect = RequestCall(reason=reason, wanted_at=plan.wanted_at, phone=plan.phone)
    day = date_of(plan.wanted_at.astimezone(plan.zone).date(), _NAME)
    content = {"situacao": "agendada", "quando": when_words(plan.wanted_at, now=turn.now, zone=plan.zone)}
    return answer(content, ToolResult(content={}, effects=(effect,), evidence=(_SCHEDULED, day)))


async def _cancel(run: ToolRun) -> Answer:
    is_planned = any(isinstance(effect, RequestCall) for effect in run.effects)
    if not is_planned and not await has_waiting(run.deps.database, run.turn.tenant.id, run.turn.contact.id):
        return refuse("nada_agendado", "Não há ligação combinada para desmarcar. Siga a conversa por aqui.")
    return answer({"situacao": "cancelada"}, ToolResult(content={}, effects=(CancelCall(),)))


def _unclear(error: InvalidInput) -> Answer:
    if error.reason == _PAST:
        return refuse("horario_invalido", "Esse horário já passou. Pergunte outro, de agora em diante.")
    if error.reason.startswith("may be at most"):
        return refuse("horario_invalido", "Só dá para combinar ligação para os próximos sete dias. Pergunte outro dia.")
    return refuse("horario_invalido", "Não deu para entender o horário. Pergunte o dia e a hora.")


def _impossible(error: NoPhone | CallNotAllowed | NoVoiceAccount) -> Answer:
    match error:
        case NoPhone():
            message = "Não há um telefone deste cliente para ligar. Siga por aqui ou ofereça uma pessoa da equipe."
            return refuse("sem_telefone", message)
        case CallNotAllowed():
            message = "Este cliente não pode receber ligações nossas. Siga a conversa por aqui."
            return refuse("nao_permitido", message)
        case NoVoiceAccount():
            message = "Não temos como ligar agora. Diga isso e siga por aqui, ou ofereça uma pessoa da equipe."
            return refuse("indisponivel", message)
