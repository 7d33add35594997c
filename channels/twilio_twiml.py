"""TwiML: what Twilio does and says in a call. The library escapes whatever is spoken."""

from collections.abc import Mapping

from twilio.twiml.voice_response import Connect, Dial, Gather, Start, VoiceResponse

LANGUAGE = "pt-BR"
_VOICE = "Polly.Camila"
_KEY_SECONDS = 6
_TRANSFER_RING_SECONDS = 30
_CONTROLS = dict.fromkeys([*range(32), *range(127, 160), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF], " ")
# Which of our words were really played, and when the voice ends: goodbyes are not cut (protocols 4.5 names `events`).
_RELAY_EVENTS = "speaker-events tokens-played"
_RETRIES = "#rc=2&rp=ct,rt,5xx"


def retried(url: str) -> str:
    """Ask Twilio to try this URL again when it does not answer (protocols 4.4); it is never sent, nor signed."""
    return f"{url}{_RETRIES}"


def ask_for_key(*texts: str, action_url: str) -> str:
    """Say the texts and wait for one key; the action is asked for what follows also when none is pressed."""
    response = VoiceResponse()
    gather = Gather(
        input="dtmf", num_digits=1, timeout=_KEY_SECONDS, action=action_url, method="POST", action_on_empty_result=True
    )
    for text in texts:
        gather.say(_speakable(text), language=LANGUAGE, voice=_VOICE)
    response.append(gather)
    return str(response)


def connect_relay(
    *, url: str, action_url: str, parameters: Mapping[str, str], voice: str | None = None,
    recording_url: str | None = None,
) -> str:  # fmt: skip
    """Hand the call to our websocket by ConversationRelay. Its first words come from there, so it greets nobody itself.

    `preemptible`: the words of a newer reply take the place of an older one's that are not spoken yet.
    """
    response = _recorded(recording_url)
    connect = Connect(action=action_url, method="POST")
    relay = connect.conversation_relay(
        url=url, language=LANGUAGE, interruptible="any", preemptible=True, dtmf_detection=True,
        application_reconnect=True, events=_RELAY_EVENTS, voice=voice or None,
    )  # fmt: skip
    for name, value in parameters.items():
        relay.parameter(name=name, value=value)
    response.append(connect)
    return str(response)


def connect_stream(
    url: str, parameters: Mapping[str, str], *, next_url: str | None = None, recording_url: str | None = None
) -> str:
    """Hand the call's audio to our websocket, both ways. When that closes, the call goes on at `next_url`."""
    response = _recorded(recording_url)
    connect = Connect()
    stream = connect.stream(url=url)
    for name, value in parameters.items():
        stream.parameter(name=name, value=value)
    response.append(connect)
    if next_url is not None:
        response.redirect(next_url, method="POST")
    return str(response)


def transfer(number: str, *texts: str, caller_id: str, whisper_url: str, action_url: str) -> str:
    """Say the texts and ring a person, who first hears alone what `whisper_url` says."""
    response = VoiceResponse()
    for text in texts:
        response.say(_speakable(text), language=LANGUAGE, voice=_VOICE)
    dial = Dial(
        action=action_url, method="POST", timeout=_TRANSFER_RING_SECONDS, caller_id=caller_id, answer_on_bridge=True
    )
    dial.number(number, url=whisper_url, method="POST")
    response.append(dial)
    return str(response)


def whisper(text: str) -> str:
    """Say it to the person who takes a call over; the two are connected after it."""
    response = VoiceResponse()
    if text:
        response.say(_speakable(text), language=LANGUAGE, voice=_VOICE)
    return str(response)


def say_and_end(*texts: str) -> str:
    """Say the texts and hang up."""
    response = VoiceResponse()
    for text in texts:
        response.say(_speakable(text), language=LANGUAGE, voice=_VOICE)
    response.hangup()
    return str(response)


def leave_message(text: str) -> str:
    """Say it after a short silence, as greetings end a moment before the tone, and hang up."""
    response = VoiceResponse()
    response.pause(length=1)
    response.say(_speakable(text), language=LANGUAGE, voice=_VOICE)
    response.hangup()
    return str(response)


def end() -> str:
    """Hang up without a word."""
    response = VoiceResponse()
    response.hangup()
    return str(response)


def _recorded(recording_url: str | None) -> VoiceResponse:
    """Begin a response; with a URL both sides are recorded from here on, and the URL hears when it is ready."""
    response = VoiceResponse()
    if recording_url is not None:
        start = Start()
        start.recording(recording_status_callback=recording_url, recording_status_callback_method="POST",
                        channels="dual")  # fmt: skip
        response.append(start)
    return response


def _speakable(text: str) -> str:
    """Leave out what XML cannot carry."""
    return " ".join(text.translate(_CONTROLS).split())
