"""TwiML: what Twilio does and says in a call. The library escapes whatever is spoken."""

from twilio.twiml.voice_response import Gather, VoiceResponse

_LANGUAGE = "pt-BR"
_VOICE = "Polly.Camila"
_KEY_SECONDS = 6
_CONTROLS = dict.fromkeys([*range(32), *range(127, 160), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF], " ")


def ask_for_key(*texts: str, action_url: str) -> str:
    """Say the texts and wait for one key; the action is asked for what follows also when none is pressed."""
    response = VoiceResponse()
    gather = Gather(
        input="dtmf", num_digits=1, timeout=_KEY_SECONDS, action=action_url, method="POST", action_on_empty_result=True
    )
    for text in texts:
        gather.say(_speakable(text), language=_LANGUAGE, voice=_VOICE)
    response.append(gather)
    return str(response)


def say_and_end(*texts: str) -> str:
    """Say the texts and hang up."""
    response = VoiceResponse()
    for text in texts:
        response.say(_speakable(text), language=_LANGUAGE, voice=_VOICE)
    response.hangup()
    return str(response)


def leave_message(text: str) -> str:
    """Say it after a short silence, as greetings end a moment before the tone, and hang up."""
    response = VoiceResponse()
    response.pause(length=1)
    response.say(_speakable(text), language=_LANGUAGE, voice=_VOICE)
    response.hangup()
    return str(response)


def end() -> str:
    """Hang up without a word."""
    response = VoiceResponse()
    response.hangup()
    return str(response)


def _speakable(text: str) -> str:
    """Leave out what XML cannot carry."""
    return " ".join(text.translate(_CONTROLS).split())
