"""ConversationRelay's frames and TwiML: what Twilio recorded, and what strangers make up."""

import json
from uuid import UUID, uuid4
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels import twilio_twiml
from channels.twilio_relay import (
    Digit,
    Interrupt,
    MalformedFrame,
    Played,
    Prompt,
    RelayTrouble,
    Setup,
    Speaking,
    as_number_to_call,
    end_frame,
    is_same_language,
    is_session_token,
    language_frame,
    play_frame,
    read_frame,
    read_handoff,
    session_token,
    text_frame,
)
from channels.twilio_voice import beside, read_detection, read_recording
from tests.channels.lines import PAYLOADS

CALL = UUID("00000000-0000-4000-8000-000000000007")
SID = "CA8b6398d087e48123e80ba59f059907cf"


def recorded(name: str) -> str:
    return (PAYLOADS / f"twilio/conversationrelay_{name}.json").read_text()


def test_recorded_frames_are_read() -> None:
    setup = read_frame(recorded("in_setup"))
    assert isinstance(setup, Setup)
    assert (setup.call_sid, setup.session_id) == (SID, "VX345a39abb666a027596d26793795e3c8")
    assert setup.parameters == {"contato_id": "9001", "campanha_id": "42"}
    assert read_frame(recorded("in_prompt_final")) == Prompt(
        text="quero pagar na sexta-feira", is_last=True, language="pt-BR"
    )  # fmt: skip
    assert read_frame(recorded("in_prompt_partial")) == Prompt(
        text="quero pagar", is_last=False, language="pt-BR"
    )  # fmt: skip
    assert read_frame(recorded("in_interrupt")) == Interrupt(spoken="Olá, Maria, aqui é da TR")
    assert read_frame(recorded("in_dtmf")) == Digit(digit="1")
    assert read_frame(recorded("in_error")) == RelayTrouble(kind="Invalid message received")


@pytest.mark.parametrize(
    "lang", ['"a"', '"pt_BR"', '""', "null", "7", '["pt-BR"]', '"pt-BR-ab-cd-ef"', '"' + "x" * 99 + '"']
)
def test_prompt_in_no_language_we_know_is_heard_all_the_same(lang: str) -> None:
    frame = f'{{"type":"prompt","voicePrompt":"sim","lang":{lang},"last":true}}'
    assert read_frame(frame) == Prompt(text="sim", is_last=True)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [("pt-BR", "pt-br", True), ("pt", "pt-BR", True), ("pt-PT", "pt-BR", False), ("en-US", "pt-BR", False),
     ("multi", "pt-BR", False)],
)  # fmt: skip
def test_languages_are_compared_by_country_where_both_name_one(one: str, other: str, is_same: bool) -> None:
    assert is_same_language(one, other) is is_same
    assert is_same_language(other, one) is is_same


def test_sound_and_languages_are_told_as_twilio_reads_them() -> None:
    assert json.loads(play_frame("https://x.example/s.mp3")) == {
        "type": "play", "source": "https://x.example/s.mp3", "preemptible": True, "interruptible": True,
    }  # fmt: skip
    assert json.loads(language_frame(spoken="pt-BR", heard="multi")) == {
        "type": "language", "ttsLanguage": "pt-BR", "transcriptionLanguage": "multi",
    }  # fmt: skip
    assert json.loads(text_frame("Oi. ", is_last=False, is_preemptible=False))["preemptible"] is False


def test_events_of_the_voice_are_read() -> None:
    assert read_frame('{"type":"info","name":"agentSpeaking","value":"off"}') == Speaking(is_on=False)
    assert read_frame('{"type":"info","name":"tokensPlayed","value":"Olá! "}') == Played(text="Olá! ")


@pytest.mark.parametrize(
    "frame",
    ['{"type":"configUpdated"}', '{"type":"info","name":"x"}', '{"type":"info"}', '{"type":"debug","value":[1]}',
     '{"type":"info","name":"agentSpeaking","value":"maybe"}', '{"type":"' + "x" * 500 + '"}'],
)  # fmt: skip
def test_what_says_nothing_to_us_is_ignored(frame: str) -> None:
    assert read_frame(frame) is None


@pytest.mark.parametrize(
    "frame",
    ["", "x", "[]", "{}", "null", "1", '{"type":1}', '{"type":"setup"}', '{"type":"setup","callSid":7.5}', "[" * 5000,
     '{"type":"dtmf","digit":"12"}', '{"type":"dtmf","digit":"é"}', '{"type":"dtmf"}', '{"type":null}',
     '{"type":"setup","callSid":"' + "C" * 5000 + '"}'],
)  # fmt: skip
def test_malformed_frames_are_told_apart(frame: str) -> None:
    with pytest.raises(MalformedFrame):
        read_frame(frame)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.sampled_from(["setup", "prompt", "interrupt", "dtmf", "info", "error", "x"]),
    st.dictionaries(
        st.sampled_from(["callSid", "voicePrompt", "last", "digit", "customParameters", "value", "name",
                         "utteranceUntilInterrupt", "description", "sessionId"]),
        _JSON, max_size=6,
    ),
)  # fmt: skip
def test_no_frame_of_a_known_type_does_harm(kind: str, body: dict[str, object]) -> None:
    try:
        frame = read_frame(json.dumps({**body, "type": kind}))
    except MalformedFrame:
        return
    if isinstance(frame, Prompt):
        assert len(frame.text) <= 4000


def test_enormous_utterances_are_shortened() -> None:
    frame = read_frame(json.dumps({"type": "prompt", "voicePrompt": "sim " * 20_000, "last": True}))
    assert isinstance(frame, Prompt)
    assert len(frame.text) <= 4000


def test_what_we_send_is_as_recorded() -> None:
    assert json.loads(text_frame("posso ajudar?", is_last=True)) == json.loads(recorded("out_text_last"))
    token = json.loads(recorded("out_text_token"))
    assert json.loads(text_frame("Olá, Maria! ", is_last=False)).items() <= token.items()
    assert json.loads(text_frame("a", is_last=False, is_interruptible=False))["interruptible"] is False
    assert json.loads(end_frame()) == {"type": "end"}


def test_transfer_says_nothing_of_the_customer() -> None:
    handoff = json.loads(end_frame(transfer_to="+551140009999"))["handoffData"]
    assert json.loads(handoff) == {"reasonCode": "live-agent-handoff", "transferTo": "+551140009999"}
    assert read_handoff(handoff) == (True, "+551140009999")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("", (False, None)),
        ("x", (False, None)),
        ("[]", (False, None)),
        ("{" * 9000, (False, None)),
        ('{"reasonCode":"live-agent-handoff"}', (True, None)),
        ('{"reasonCode":"live-agent-handoff","transferTo":"sip:a@b"}', (True, None)),
        ('{"reasonCode":"x","transferTo":"+551140009999"}', (False, "+551140009999")),
    ],
)
def test_odd_handoff_data_does_no_harm(data: str, told: tuple[bool, str | None]) -> None:
    assert read_handoff(data) == told


@pytest.mark.parametrize(
    "number", ["", None, "anonymous", "sip:x@y", "+0119999", "5511999990001", "+55 11 9", "+１２３４５６７８９"]
)
def test_only_phone_numbers_are_called(number: str | None) -> None:
    assert as_number_to_call(number) is None


def test_token_belongs_to_one_call_of_one_account() -> None:
    token = session_token("chave", CALL, SID)
    assert is_session_token(token, "chave", CALL, SID)
    assert not is_session_token(token, "outra", CALL, SID)
    assert not is_session_token(token, "chave", uuid4(), SID)
    assert not is_session_token(token, "chave", CALL, "CA1")
    assert not is_session_token("", "chave", CALL, SID)
    assert not is_session_token("é\ud800", "chave", CALL, SID)
    assert not is_session_token(session_token("", CALL, SID), "", CALL, SID)


def test_relay_twiml_is_as_documented() -> None:
    twiml = twilio_twiml.connect_relay(
        url="wss://ia.exemplo.com.br/relay", action_url="https://ia.exemplo.com.br/fim?a=1&b=2",
        parameters={"callId": "1", "token": '<x & "y">'}, voice="pt-BR-Camila",
        recording_url="https://ia.exemplo.com.br/gravado",
    )  # fmt: skip
    root = ElementTree.fromstring(twiml)
    sample = ElementTree.fromstring((PAYLOADS / "twilio/twiml_conversationrelay.xml").read_text())
    (relay,) = root.iter("ConversationRelay")
    (recorded_relay,) = sample.iter("ConversationRelay")
    for name in ("language", "interruptible", "dtmfDetection", "applicationReconnect"):
        assert relay.attrib[name] == recorded_relay.attrib[name]
    assert relay.attrib["url"] == "wss://ia.exemplo.com.br/relay"
    assert relay.attrib["preemptible"] == "true"
    assert "welcomeGreeting" not in relay.attrib
    assert [child.attrib["value"] for child in relay] == ["1", '<x & "y">']
    assert root[0].tag == "Start"
    assert root[0][0].attrib["recordingStatusCallback"] == "https://ia.exemplo.com.br/gravado"


def test_transfer_twiml_whispers_before_it_connects() -> None:
    twiml = twilio_twiml.transfer(
        "+551140009999", caller_id="+5511400012340", whisper_url="https://a.b/sussurro", action_url="https://a.b/fim"
    )
    (dial,) = ElementTree.fromstring(twiml)
    assert (dial.tag, dial.attrib["callerId"], dial.attrib["action"]) == ("Dial", "+5511400012340", "https://a.b/fim")
    assert (dial[0].tag, dial[0].text, dial[0].attrib["url"]) == ("Number", "+551140009999", "https://a.b/sussurro")


def test_stream_twiml_goes_on_after_the_socket() -> None:
    root = ElementTree.fromstring(
        twilio_twiml.connect_stream("wss://a.b/media", {"callId": "1"}, next_url="https://a.b/fim")
    )
    assert [element.tag for element in root] == ["Connect", "Redirect"]
    assert root[0][0].attrib["url"] == "wss://a.b/media"
    assert root[1].text == "https://a.b/fim"


def test_detection_is_read_as_recorded() -> None:
    for name, answered_by in (("human", "human"), ("machine", "machine_end_beep")):
        report = read_detection((PAYLOADS / f"twilio/voice_amd_async_{name}.form").read_bytes())
        assert report is not None
        assert (report.provider_call_id, report.answered_by) == (SID, answered_by)
    for odd in (b"", b"\xff", b"CallSid=CA1", b"AnsweredBy=human", b"CallSid=CA1&AnsweredBy=" + b"x" * 99):
        assert read_detection(odd) is None


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b"CallSid=CA1&RecordingStatus=completed", b"CallSid=CA1&RecordingStatus=absent&RecordingUrl=https://a",
     b"CallSid=CA1&RecordingStatus=completed&RecordingUrl=javascript:alert(1)",
     b"CallSid=CA1&RecordingStatus=completed&RecordingUrl=http://a.b",
     b"CallSid=CA1&RecordingStatus=completed&RecordingUrl=https://a%0Ab",
     b"CallSid=CA1&RecordingStatus=completed&RecordingUrl=https://" + b"a" * 3000],
)  # fmt: skip
def test_odd_recordings_are_not_kept(body: bytes) -> None:
    assert read_recording(body) is None


def test_neighbouring_address_keeps_the_query() -> None:
    assert beside("https://a.b/c/status?call=1", "amd") == "https://a.b/c/amd?call=1"
