"""Which wishes of a request body only the cloud can grant."""

from picegate.wire.fields import Fields, wrong_type

# Set to anything but null, these change what the answer is or how it must be shaped.
_PRESENT = (
    "prediction",
    "audio",
    "web_search_options",
    "moderation",
    "guided_json",
    "guided_regex",
    "guided_choice",
    "guided_grammar",
    "grammar",
    "json_schema",
    "structured_outputs",
)
_TRUE = ("logprobs", "echo", "continue_final_message")
_READ = ("tools", "functions", "response_format", "n", "top_logprobs", "logit_bias", "modalities")
_ANY = frozenset((*_PRESENT, *_TRUE, *_READ))


def read_needs(fields: Fields) -> tuple[str, ...]:
    """The body's fields that neither an edge nor a merged answer can serve; the conversation's are `read_messages`'."""
    if _ANY.isdisjoint(fields.values):  # most requests
        return ()
    needs = [name for name in ("tools", "functions") if fields.array(name)]
    form = fields.object("response_format")
    if form is not None and Fields(form, "response_format").string("type") not in (None, "text"):
        needs.append("response_format")
    if (fields.integer("n", 1, 128) or 1) > 1:
        needs.append("n")
    if fields.integer("top_logprobs", 0, 20):
        needs.append("top_logprobs")
    if fields.object("logit_bias"):
        needs.append("logit_bias")
    modalities = fields.array("modalities") or []
    for index, modality in enumerate(modalities):
        if not isinstance(modality, str):
            raise wrong_type(f"modalities[{index}]", "a string", modality)
    if any(modality != "text" for modality in modalities):
        needs.append("modalities")
    needs += [name for name in _TRUE if fields.boolean(name)]
    needs += [name for name in _PRESENT if fields.raw(name) is not None]
    return tuple(needs)
