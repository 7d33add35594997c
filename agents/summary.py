"""Sums a call up for the customer: the model chain writes, rules check, and rows alone speak where it fails."""

import json

import structlog
from langchain_core.messages import HumanMessage, SystemMessage

from agents.models import OFFLINE, EveryModelFailed, Models
from agents.prompts import Prompts, safe_name
from domain.call_summaries import CallMaterial, check_summary, fixed_summary
from domain.dates_ptbr import format_date_long, weekday_name
from domain.masking import mask_text
from domain.money import format_brl
from services.call_summaries import Summary

logger = structlog.get_logger(__name__)

_AGENT = "summary"
_MOST_CHARACTERS = 12_000


async def summarize(material: CallMaterial, *, models: Models, prompts: Prompts) -> Summary:
    """Write a few sentences for the customer. Without a model, and when rules object, the fixed words are taken."""
    tenant = material.tenant
    chain = await models.chain(tenant.id, _AGENT)
    if chain.names[0] == OFFLINE:
        return Summary(text=fixed_summary(material))
    prompt = await prompts.get(tenant.id, _AGENT)
    asked = [SystemMessage(content=prompt.render(_values(material))), HumanMessage(content=_given(material))]
    try:
        answer = await models.ask(asked, tenant_id=tenant.id, agent=_AGENT, feature="summary")
    except EveryModelFailed:
        return Summary(text=fixed_summary(material))
    text = " ".join(str(answer.message.text).split())
    if answer.model == OFFLINE:
        return Summary(text=fixed_summary(material), usage=answer.usage)
    findings = check_summary(text, material)
    if findings:
        logger.info("summary.refused", reasons=[finding.reason for finding in findings], model=answer.model)
        return Summary(text=fixed_summary(material), usage=answer.usage)
    return Summary(text=text, usage=answer.usage)


def _values(material: CallMaterial) -> dict[str, str]:
    tenant = material.tenant
    return {
        "tenant.name": tenant.name, "tenant.tone": tenant.settings.tone, "assistant.name": tenant.assistant_name,
        "contact.name": safe_name(material.first_name) or "não informado", "today": f"{material.today:%d/%m/%Y}",
        "weekday": weekday_name(material.today),
    }  # fmt: skip


def _given(material: CallMaterial) -> str:
    """Write what is known as JSON; documents are masked, the talk's end is kept where it is long."""
    promise = None
    if material.promise is not None:
        day = material.today.fromisoformat(material.promise["due_on"])
        promise = {
            "valor": format_brl(material.promise["amount_cents"]), "data": format_date_long(day),
            "protocolo": material.promise.get("protocol"),
        }  # fmt: skip
    talk = "\n".join(f"{line.speaker}: {mask_text(line.text)}" for line in material.lines)[-_MOST_CHARACTERS:]
    known = {
        "identidade_confirmada": material.is_identity_confirmed, "promessa": promise,
        "diz_que_pagou": material.has_payment_claim, "conversa": talk,
    }  # fmt: skip
    return json.dumps(known, ensure_ascii=False)
