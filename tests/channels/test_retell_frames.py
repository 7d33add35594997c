"""Frames of Retell's websocket, and what they tell of how much was heard."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.reading import Unreadable
from channels.retell_frames import (
    MAX_FRAME_CHARS,
    CallDetails,
    Ping,
    Transcript,
    Update,
    Wanted,
    config_frame,
    done_frame,
    pong_frame,
    read_frame,
    read_transcript,
    say_frame,
    tool_frames,
)
from channels.retell_speech import SpokenReply, heard_part
from domain.call_talk import ReplyDone, Say, ToolUsed
from tests.channels.lines import PAYLOADS, recorded
from tests.channels.test_retell import json_values


def frame_of(name: str) -> Any:
    return read_frame((PAYLOADS / f"retell/ws_in_{name}.json").read_text())


def transcript(*said: tuple[str, str], digits: str = "") -> Transcript:
    utterances = [{"role": role, "content": content} for role, content in said]
    woven = [{"role": "dtmf", "digit": digit} for digit in digits]
    return read_transcript({"transcript": utterances, "transcript_with_tool_calls": woven})


# --- in


def test_recorded_frames_are_read() -> None:
    assert frame_of("ping_pong") == Ping(timestamp=1795197600000)
    details = frame_of("call_details")
    assert isinstance(details, CallDetails)
    assert (details.call.direction, details.call.customer_phone) == ("out", "+5511999990001")
    update = frame_of("update_only")
    assert isinstance(update, Update)
    assert (update.turn, update.transcript.user_text, update.transcript.user_index) == ("user", "sim", 1)
    wanted = frame_of("response_required")
    assert isinstance(wanted, Wanted)
    assert (wanted.response_id, wanted.is_reminder, wanted.transcript.user_text) == (2, False, "sim, sou eu")
    reminder = frame_of("reminder_required")
    assert isinstance(reminder, Wanted)
    assert (reminder.response_id, reminder.is_reminder, reminder.transcript.user_text) == (3, True, "")


def test_last_words_of_the_customer_are_joined_and_keep_their_place() -> None:
    so_far = transcript(("agent", "Olá"), ("user", "oi"), ("agent", "Falo com"), ("user", "sim"), ("user", "sou eu"))
    assert (so_far.user_text, so_far.user_index) == ("sim sou eu", 3)
    assert so_far.agent_texts == ((0, "Olá"), (2, "Falo com"))
    assert so_far.spoken_after(0) == "Falo com"
    assert transcript().user_index == 0


def test_roles_that_are_new_keep_their_place() -> None:
    so_far = transcript(("system", "x"), ("transfer_target", "y"), ("user", "oi"))
    assert (so_far.user_text, so_far.user_index) == ("oi", 2)


def test_words_can_be_stored_whatever_they_are() -> None:
    frame = r'{"interaction_type": "update_only", "transcript": [{"role": "user", "content": "a\u0000b\ud800c"}]}'
    update = read_frame(frame)
    assert isinstance(update, Update)
    assert update.transcript.user_text == "ab?c"


def test_noise_passes_through_and_keys_are_read() -> None:
    assert transcript(("user", "(unintelligible audio)")).user_text == "(unintelligible audio)"
    assert transcript(digits="12#").digits == "12#"
    assert read_transcript({"transcript_with_tool_calls": [{"role": "dtmf", "digit": "12345"}]}).digits == ""


@pytest.mark.parametrize(
    "text",
    ["", "olá", "[]", "null", "5", '"x"', "{}", '{"interaction_type": 5}', '{"interaction_type": null}',
     '{"interaction_type": "ping_pong"}', '{"interaction_type": "ping_pong", "timestamp": true}',
     '{"interaction_type": "ping_pong", "timestamp": NaN}', '{"interaction_type": "ping_pong", "timestamp": "x"}',
     '{"interaction_type": "ping_pong", "timestamp": 1e300}',
     '{"interaction_type": "call_details"}', '{"interaction_type": "call_details", "call": {"call_id": ""}}',
     '{"interaction_type": "response_required", "transcript": []}',
     '{"interaction_type": "response_required", "response_id": "2"}',
     '{"interaction_type": "response_required", "response_id": true}',
     '{"interaction_type": "response_required", "response_id": -1}',
     '{"interaction_type": "response_required", "response_id": 1.5}',
     '{"interaction_type": "reminder_required", "response_id": 99999999999999999999999}',
     "[" * 100_000, '{"interaction_type":' * 1000, "x" * (MAX_FRAME_CHARS + 1)],
    ids=lambda text: text[:40],
)  # fmt: skip
def test_what_retell_never_sends_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        read_frame(text)


def test_new_kinds_of_frames_are_left_alone() -> None:
    assert read_frame('{"interaction_type": "mood_update", "mood": 5}') is None


@pytest.mark.parametrize(
    "value", [None, 5, "x", {}, [None], [5], ["x"], [{"role": 5}], [{"role": "user"}], [{"role": "user", "content": 5}]]
)
def test_odd_transcripts_say_nothing(value: object) -> None:
    frame = read_frame(json.dumps({"interaction_type": "response_required", "response_id": 1, "transcript": value}))
    assert isinstance(frame, Wanted)
    assert frame.transcript.user_text == ""


@given(st.text(max_size=200) | json_values.map(json.dumps))
def test_odd_frames_are_unreadable_or_left_alone(text: str) -> None:
    with suppress(Unreadable):
        assert read_frame(text) is None


@given(
    st.dictionaries(st.sampled_from(["transcript", "response_id", "timestamp", "call", "turntaking"]), json_values),
    st.sampled_from(["ping_pong", "call_details", "update_only", "response_required", "reminder_required"]),
)
def test_odd_fields_never_raise_anything_else(fields: dict[str, Any], kind: str) -> None:
    with suppress(Unreadable):
        read_frame(json.dumps({**fields, "interaction_type": kind}))


# --- out


def test_frames_are_as_recorded() -> None:
    assert json.loads(config_frame()) == recorded("retell/ws_out_config.json")
    assert json.loads(pong_frame(Ping(timestamp=1795197600000))) == recorded("retell/ws_out_ping_pong.json")
    say = Say(reply=2, text="Maria, sua fatura de novembro")
    assert json.loads(say_frame(say)) == recorded("retell/ws_out_response_chunk.json")
    end = json.loads(done_frame(ReplyDone(reply=4, then="hang_up")))
    assert end == recorded("retell/ws_out_response_end_call.json") | {"content": ""}
    transfer = json.loads(done_frame(ReplyDone(reply=4, then="transfer", transfer_to="+551140005678")))
    assert transfer == recorded("retell/ws_out_response_transfer.json") | {"content": ""}


def test_plain_end_carries_no_action_and_a_transfer_needs_a_number() -> None:
    plain = {"response_type": "response", "response_id": 2, "content": "", "content_complete": True}
    assert json.loads(done_frame(ReplyDone(reply=2))) == plain
    assert json.loads(done_frame(ReplyDone(reply=2, then="transfer"))) == plain


def test_sentence_that_must_be_heard_says_so() -> None:
    assert json.loads(say_frame(Say(reply=1, text="Oi", is_interruptible=False)))["no_interruption_allowed"] is True


def test_agent_may_speak_up_outside_a_reply() -> None:
    frame = json.loads(done_frame(ReplyDone(reply=1, then="hang_up"), interrupt_id=3))
    assert frame == {
        "response_type": "agent_interrupt", "interrupt_id": 3, "content": "", "content_complete": True,
        "end_call": True,
    }  # fmt: skip


def test_tools_are_told_without_personal_data() -> None:
    used = ToolUsed(
        reply=1, tool_call_id="tc_1", name="consultar_faturas_cpf",
        arguments={"cpf_cnpj": "529.982.247-25", "n": 5, "lista": ["+5511999990001"]},
        result='{"ok": true, "documento": "52998224725"}',
    )  # fmt: skip
    invocation, result = map(json.loads, tool_frames(used))
    assert (invocation["response_type"], result["response_type"]) == ("tool_call_invocation", "tool_call_result")
    assert invocation["tool_call_id"] == result["tool_call_id"] == "tc_1"
    assert json.loads(invocation["arguments"])["n"] == 5
    for text in (invocation["arguments"], result["content"]):
        assert "529.982.247-25" not in text
        assert "52998224725" not in text
        assert "5511999990001" not in text


# --- how much was heard


@pytest.mark.parametrize(
    ("spoken", "heard"),
    [
        ("", ""), ("Olá", "Olá,"), ("olá falo", "Olá, falo"), ("Olá, falo com a Maria?", "Olá, falo com a Maria?"),
        ("Olá falo com a Mariana da Silva", "Olá, falo com a Maria?"), ("… —", ""),
    ],
)  # fmt: skip
def test_heard_part_is_of_our_own_words(spoken: str, heard: str) -> None:
    assert heard_part("Olá, falo com a Maria?", spoken) == heard


@given(st.lists(st.text(alphabet="abcç,. –", max_size=8), max_size=10), st.text(alphabet="abc ,", max_size=40))
def test_heard_part_is_a_beginning(said: list[str], spoken: str) -> None:
    text = " ".join(said).strip()
    assert text.startswith(heard_part(text, spoken))
    assert heard_part(text, text) == text


ASKED = transcript(("agent", "Olá"), ("user", "quanto devo?"))


def replying(*sentences: str, is_done: bool = True) -> SpokenReply:
    reply = SpokenReply(asked=ASKED)
    for sentence in sentences:
        reply.say(sentence)
    if is_done:
        reply.finish()
    return reply


def after(*said: tuple[str, str]) -> Transcript:
    return transcript(("agent", "Olá"), ("user", "quanto devo?"), *said)


def test_reply_heard_to_its_end_was_not_cut() -> None:
    reply = replying("Um momento.", "São dez reais.")
    assert reply.left_at(after(("agent", "Um momento. São dez reais."), ("user", "certo"))) is None


def test_reply_cut_in_the_middle_keeps_what_was_heard() -> None:
    reply = replying("Um momento.", "São dez reais.")
    assert reply.left_at(after(("agent", "Um momento. São"), ("user", "espera"))) == "Um momento. São"


def test_reply_nobody_heard_is_empty() -> None:
    assert replying("Um momento.").left_at(transcript(("agent", "Olá"), ("user", "quanto devo? fala"))) == ""
    assert replying().left_at(ASKED) is None


def test_words_around_a_short_yes_belong_to_one_reply() -> None:
    reply = replying("Um momento. São dez reais.")
    spoken = after(("agent", "Um momento."), ("user", "aham"), ("agent", "São dez reais."), ("user", "ok"))
    assert reply.left_at(spoken) is None


def test_words_into_a_reply_that_is_being_made_cut_it_once_and_are_corrected_later() -> None:
    reply = replying("Um momento.", is_done=False)
    assert reply.interrupted_by(after(("agent", "Um"))) is None  # nobody has spoken
    assert reply.interrupted_by(ASKED) is None  # the question itself
    assert reply.interrupted_by(after(("agent", "Um"), ("user", "aham"))) == "Um"
    assert reply.interrupted_by(after(("agent", "Um"), ("user", "aham tá"))) is None
    reply.say("São dez reais.")
    reply.finish()
    whole = after(("agent", "Um"), ("user", "aham"), ("agent", "momento. São dez reais."), ("user", "certo"))
    assert reply.left_at(whole) == "Um momento. São dez reais."
    assert reply.left_at(whole) is None


def test_hanging_up_in_the_middle_keeps_what_was_heard() -> None:
    reply = replying("Um momento.", "São dez reais.")
    assert reply.hung_up_at(after(("agent", "Um momento."))) == "Um momento."
    assert replying("Um momento.").hung_up_at(after(("agent", "Um momento."))) is None
    assert replying("Um momento.").hung_up_at(ASKED) is None  # the transcript may only lag behind
