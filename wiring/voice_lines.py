"""Make what makes phone calls: one line per provider, over one HTTP client."""

from collections.abc import Mapping

import httpx

from channels.simulated_retell import RetellOrSimulated
from channels.twilio_voice import TwilioVoice
from channels.vapi import VapiVoice
from channels.voice import VoiceLine
from domain.messages import Provider
from domain.ports import Clock
from wiring.settings import Settings


def make_voice_lines(settings: Settings, http: httpx.AsyncClient, clock: Clock) -> Mapping[Provider, VoiceLine]:
    """Give the lines by provider. The clock is for signatures that grow old."""
    lines: tuple[VoiceLine, ...] = (
        TwilioVoice(http, base_url=settings.twilio_api_url),
        RetellOrSimulated(http, clock=clock, base_url=settings.retell_api_url),
        VapiVoice(http, clock=clock, base_url=settings.vapi_api_url),
    )
    return {line.provider: line for line in lines}
