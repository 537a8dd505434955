"""A chat completions request body, read into an `Ask`."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from picegate.core.chat import Ask, DataPolicy, Sampling, ServiceLevel
from picegate.core.errors import BadRequest
from picegate.settings import AliasSettings
from picegate.wire.fields import Fields, out_of_range, wrong_type
from picegate.wire.messages import read_messages
from picegate.wire.needs import read_needs
from picegate.wire.options import read_model, read_options, stricter

MAX_STOPS = 4
SERVICE_TIERS = ("auto", "default", "flex", "priority", "scale")
_STRINGS = ("user", "safety_identifier", "prompt_cache_key")


def read_chat(
    body: bytes,
    *,
    request_id: str,
    aliases: Mapping[str, AliasSettings],
    default_policy: DataPolicy,
    key_id: str | None = None,
    key_level: ServiceLevel | None = None,
) -> Ask:
    """Check the body and read it. Fields that are not known here are accepted and stay in `Ask.payload`.

    Raises:
        BadRequest: names the field in OpenAI's way ("messages[1].role").
        ModelNotFound: the model is neither one of ours nor an alias.
        Forbidden: the request's data policy contradicts the config's.
    """
    payload = _parse(body)
    fields = Fields(payload)
    model = read_model(fields, aliases)
    conversation = read_messages(fields)
    options = read_options(fields, model, aliases)
    policy = stricter(default_policy, options.data_policy)
    stream = fields.boolean("stream") or False
    for name in _STRINGS:
        fields.string(name)
    fields.object("metadata")
    bound = fields.integer("max_tokens", 1)  # the older name, checked even where the newer one wins
    return Ask(
        request_id=request_id,
        model=model,
        messages=conversation.messages,
        payload={name: value for name, value in payload.items() if name != "pice"},
        options=options,
        needs=tuple(dict.fromkeys((*read_needs(fields), *conversation.needs))),
        sampling=_sampling(fields),
        max_tokens=fields.integer("max_completion_tokens", 1) or bound,
        stop=_stop(fields),
        service_tier=fields.choice("service_tier", SERVICE_TIERS),
        stream=stream,
        include_usage=_include_usage(fields, stream),
        data_policy=policy,
        key_id=key_id,
        key_level=key_level,
    )


def _parse(body: bytes) -> dict[str, Any]:
    try:
        payload = _DECODER.decode(body.decode(json.detect_encoding(body)))
        if b"\\ud" in body or b"\\uD" in body:
            # Half a surrogate pair is legal in JSON's text, but no upstream can be sent it.
            json.dumps(payload, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        reason = (
            f"{error.msg} at line {error.lineno}, column {error.colno}"
            if isinstance(error, json.JSONDecodeError)
            else error
        )
        raise BadRequest(f"We could not parse the JSON body of your request: {reason}.", code="invalid_json") from None
    if not isinstance(payload, dict):
        raise BadRequest("The body of a request must be a JSON object.", code="invalid_json")
    return payload


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def _sampling(fields: Fields) -> Sampling:
    return Sampling(
        temperature=fields.number("temperature", 0, 2),
        top_p=fields.number("top_p", 0, 1),
        seed=fields.integer("seed"),
        presence_penalty=fields.number("presence_penalty", -2, 2),
        frequency_penalty=fields.number("frequency_penalty", -2, 2),
    )


def _stop(fields: Fields) -> tuple[str, ...]:
    stop = fields.raw("stop")
    if stop is None:
        return ()
    stops = [stop] if isinstance(stop, str) else stop
    if not isinstance(stops, list):
        raise wrong_type("stop", "a string or an array of strings", stop)
    if len(stops) > MAX_STOPS:
        raise out_of_range("stop", f"at most {MAX_STOPS} strings")
    for index, entry in enumerate(stops):
        if not isinstance(entry, str):
            raise wrong_type(f"stop[{index}]", "a string", entry)
    return tuple(entry for entry in stops if entry)


def _include_usage(fields: Fields, stream: bool) -> bool:
    options = fields.object("stream_options")
    if options is None:
        return False
    if not stream:
        raise BadRequest(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )
    return Fields(options, "stream_options").boolean("include_usage") or False
