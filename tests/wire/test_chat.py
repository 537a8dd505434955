import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picegate.core.chat import Ask, DataPolicy, Message, Mode, ServiceLevel
from picegate.core.errors import BadRequest, Forbidden, ModelNotFound, PiceError
from picegate.settings import AliasSettings
from picegate.wire.chat import read_chat

ALIASES = {"gpt-4o": AliasSettings(), "fast": AliasSettings(mode=Mode.EDGE), "deep": AliasSettings(level=3)}
USER = {"role": "user", "content": "Hello"}


def read(policy: DataPolicy = DataPolicy.ANY, /, **fields: Any) -> Ask:
    body = {"model": "pice", "messages": [USER], **fields}
    return read_bytes(json.dumps({name: value for name, value in body.items() if value is not ...}).encode(), policy)


def read_bytes(body: bytes, policy: DataPolicy = DataPolicy.ANY) -> Ask:
    return read_chat(body, request_id="r-1", aliases=ALIASES, default_policy=policy)


def test_a_plain_request_becomes_an_ask() -> None:
    ask = read(temperature=0, top_p=1, seed=7, stop="END", user="u", metadata={"a": "b"}, service_tier="flex")
    assert ask.messages == (Message("user", "Hello"),)
    assert (ask.request_id, ask.model, ask.stream, ask.include_usage, ask.max_tokens) == (
        "r-1",
        "pice",
        False,
        False,
        None,
    )
    assert (ask.sampling.temperature, ask.sampling.top_p, ask.sampling.seed) == (0.0, 1.0, 7)
    assert (ask.stop, ask.service_tier, ask.needs, ask.options.mode) == (("END",), "flex", (), None)


def test_the_payload_is_the_body_without_pice() -> None:
    ask = read(pice={"level": 1}, top_k=40, messages=[{**USER, "name": "ann"}])
    assert ask.payload == {"model": "pice", "messages": [{**USER, "name": "ann"}], "top_k": 40}


def test_null_is_as_good_as_not_said() -> None:
    ask = read(
        stream=None,
        stop=None,
        tools=None,
        max_tokens=None,
        n=None,
        pice=None,
        stream_options=None,
        response_format=None,
    )
    assert (ask.stream, ask.stop, ask.needs, ask.max_tokens) == (False, (), (), None)


def test_the_newer_token_bound_wins() -> None:
    assert read(max_tokens=10, max_completion_tokens=20).max_tokens == 20
    assert read(max_tokens=10).max_tokens == 10


def test_the_pice_field_names_a_service_level() -> None:
    assert read(pice={"service_level": "cost"}).options.service_level is ServiceLevel.COST
    assert read().options.service_level is None
    with pytest.raises(BadRequest, match="latency"):
        read(pice={"service_level": "cheap"})


def test_usage_is_asked_for_in_the_stream_options() -> None:
    assert read(stream=True, stream_options={"include_usage": True}).include_usage
    assert not read(stream=True, stream_options={"include_obfuscation": False}).include_usage


def test_parts_and_developers_are_reduced_to_text_and_system() -> None:
    ask = read(
        messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "One"}, {"type": "text", "text": "Two"}]},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
            {"role": "assistant", "content": None, "refusal": "Never."},
        ]
    )
    assert ask.messages == (
        Message("system", "Be brief."),
        Message("user", "One\nTwo"),
        Message("assistant", "No."),
        Message("assistant", "Never."),
    )
    assert ask.needs == ()


@pytest.mark.parametrize(
    ("fields", "needs"),
    [
        ({"tools": [{"type": "function"}]}, ("tools",)),
        ({"functions": [{"name": "f"}]}, ("functions",)),
        ({"response_format": {"type": "json_object"}}, ("response_format",)),
        ({"n": 2}, ("n",)),
        ({"logprobs": True, "top_logprobs": 3}, ("top_logprobs", "logprobs")),
        ({"logit_bias": {"5": -100}}, ("logit_bias",)),
        ({"prediction": {"type": "content"}}, ("prediction",)),
        ({"modalities": ["text", "audio"], "audio": {"voice": "x"}}, ("modalities", "audio")),
        ({"web_search_options": {}}, ("web_search_options",)),
        ({"guided_json": {}}, ("guided_json",)),
        ({"grammar": "root ::= x"}, ("grammar",)),
        ({"structured_outputs": {}}, ("structured_outputs",)),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}]},
            ("image_url",),
        ),
        ({"messages": [{"role": "user", "content": [{"type": "hologram"}]}]}, ("hologram",)),
        ({"messages": [USER, {"role": "assistant", "tool_calls": [{"id": "1"}]}]}, ("tool_calls",)),
        ({"messages": [USER, {"role": "tool", "tool_call_id": "1", "content": "4"}]}, ("tool_calls",)),
        # Known and harmless: none of these forces the cloud.
        (
            {
                "tools": [],
                "tool_choice": "none",
                "parallel_tool_calls": True,
                "response_format": {"type": "text"},
                "n": 1,
                "logprobs": False,
                "logit_bias": {},
                "modalities": ["text"],
                "store": False,
                "reasoning_effort": "low",
                "verbosity": "low",
                "metadata": {},
                "user": "u",
                "some_new_field": 1,
            },
            (),
        ),
    ],
    ids=lambda value: ",".join(value)[:40],
)
def test_what_only_the_cloud_can_serve_is_named(fields: dict[str, Any], needs: tuple[str, ...]) -> None:
    assert read(**fields).needs == needs


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ...}, "model"),
        ({"model": 5}, "model"),
        ({"model": ""}, "model"),
        ({"messages": ...}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [USER, {"role": "king", "content": "x"}]}, "messages[1].role"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "assistant", "tool_calls": {}}]}, "messages[0].tool_calls"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {}}, "stream_options"),
        ({"stream": False, "stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": []}, "stream_options"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"n": 0}, "n"),
        ({"n": 1.5}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": "9", "max_completion_tokens": 5}, "max_tokens"),
        ({"max_completion_tokens": -1}, "max_completion_tokens"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"top_p": 1.1}, "top_p"),
        ({"presence_penalty": 3}, "presence_penalty"),
        ({"seed": "x"}, "seed"),
        ({"stop": 5}, "stop"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"stop": ["a", 5]}, "stop[1]"),
        ({"tools": {}}, "tools"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {"type": 1}}, "response_format.type"),
        ({"logprobs": 1}, "logprobs"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"modalities": [1]}, "modalities[0]"),
        ({"user": 5}, "user"),
        ({"service_tier": 5}, "service_tier"),
        ({"service_tier": "blah"}, "service_tier"),
        ({"metadata": "x"}, "metadata"),
        ({"pice": "fast"}, "pice"),
        ({"pice": {"foo": 1}}, "pice.foo"),
        ({"pice": {"mode": "warp"}}, "pice.mode"),
        ({"pice": {"level": 0}}, "pice.level"),
        ({"pice": {"level": 4}}, "pice.level"),
        ({"pice": {"ensemble": 0}}, "pice.ensemble"),
        ({"pice": {"data_policy": "mine"}}, "pice.data_policy"),
        ({"pice": {"explain": "yes"}}, "pice.explain"),
        ({"model": "pice-cloud", "pice": {"mode": "edge"}}, "pice.mode"),
    ],
    ids=str,
)
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read(**fields)
    assert caught.value.param == param
    assert caught.value.code


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b'"x"', b"[1]", b"\xff", b'{"a": NaN}', b"[" * 100_000, b'{"a": 1' + b"0" * 5000 + b"}"],
    ids=lambda body: str(body[:8]),
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        read_bytes(body)
    assert caught.value.code == "invalid_json"


def test_half_a_surrogate_pair_is_refused_and_a_whole_one_is_not() -> None:
    whole = b'{"model": "pice", "messages": [{"role": "user", "content": "\\ud83d\\ude00"}]}'
    assert read_bytes(whole).question == "😀"
    with pytest.raises(BadRequest):
        read_bytes(whole.replace(b"\\ude00", b""))


def test_the_models_name_forces_the_mode() -> None:
    assert read(model="pice").options.mode is None
    assert read(model="pice-cloud").options.mode is Mode.CLOUD
    assert read(model="pice-progressive").options.mode is Mode.PROGRESSIVE
    assert read(model="pice-edge", pice={"mode": "edge"}).options.mode is Mode.EDGE
    with pytest.raises(ModelNotFound) as caught:
        read(model="gpt-9")
    assert caught.value.param == "model"


def test_an_alias_has_its_own_mode_and_level_and_the_body_has_the_last_word() -> None:
    assert read(model="gpt-4o").options.mode is None
    assert read(model="fast").options.mode is Mode.EDGE
    assert read(model="fast", pice={"mode": "cloud"}).options.mode is Mode.CLOUD
    assert read(model="fast", pice={"mode": "auto"}).options.mode is None
    assert read(model="deep").options.level == 3
    assert read(model="deep", pice={"level": 1}).options.level == 1


@pytest.mark.parametrize(
    ("default", "wish", "holds"),
    [
        (DataPolicy.ANY, None, DataPolicy.ANY),
        (DataPolicy.ANY, "edge_only", DataPolicy.EDGE_ONLY),
        (DataPolicy.EDGE_ONLY, None, DataPolicy.EDGE_ONLY),
        (DataPolicy.EDGE_ONLY, "any", DataPolicy.EDGE_ONLY),
        (DataPolicy.CLOUD_ONLY, "cloud_only", DataPolicy.CLOUD_ONLY),
    ],
)
def test_the_stricter_data_policy_holds(default: DataPolicy, wish: str | None, holds: DataPolicy) -> None:
    assert read(default, pice={"data_policy": wish}).data_policy is holds


def test_policies_that_contradict_are_forbidden() -> None:
    with pytest.raises(Forbidden) as caught:
        read(DataPolicy.CLOUD_ONLY, pice={"data_policy": "edge_only"})
    assert caught.value.param == "pice.data_policy"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PARTS = st.fixed_dictionaries(
    {}, optional={"type": st.sampled_from(["text", "refusal", "image_url"]) | JSON, "text": JSON}
)
MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["user", "assistant", "tool", "developer"]) | JSON,
        "content": JSON | st.lists(PARTS | JSON, max_size=3),
        "tool_calls": JSON,
        "function_call": JSON,
        "audio": JSON,
        "refusal": JSON,
    },
)
FIELDS = (
    *("stream", "stream_options", "n", "max_tokens", "max_completion_tokens", "temperature", "top_p", "seed", "stop"),
    *("tools", "functions", "response_format", "logprobs", "top_logprobs", "logit_bias", "modalities"),
    *("user", "metadata", "service_tier", "pice"),
)


@given(
    st.fixed_dictionaries(
        {"model": st.sampled_from(["pice", "pice-edge", "fast"]), "messages": st.lists(MESSAGE | JSON, max_size=3)},
        optional=dict.fromkeys(FIELDS, JSON),
    )
)
def test_whatever_is_sent_is_read_or_refused(body: dict[str, Any]) -> None:
    try:
        ask = read_bytes(json.dumps(body).encode())
    except PiceError:
        return
    assert all(isinstance(message.text, str) for message in ask.messages)
    assert all(isinstance(need, str) for need in ask.needs)


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(PiceError):
        read_bytes(body)
