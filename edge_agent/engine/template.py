"""The chat template that a GGUF brings along, rendered as Hugging Face's tokenizers do."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from edge_agent.engine.port import WireMessage
from edge_agent.errors import BadRequest, ModelUnusable

# For a model without a template: ChatML, llama.cpp's own choice.
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class ChatTemplate:
    """Raises ModelUnusable for a template that is no Jinja."""

    def __init__(self, source: str | None, *, bos: str, eos: str) -> None:
        # Sandboxed, since a template is code from whoever made the file.
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.filters["tojson"] = lambda value, indent=None: json.dumps(value, ensure_ascii=False, indent=indent)
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
        try:
            self._template = environment.from_string(source or CHATML)
        except jinja2.TemplateError as error:
            raise ModelUnusable(f"the model's chat template is no valid Jinja: {error}") from error
        self._tokens = {"bos_token": bos, "eos_token": eos}

    def render(self, messages: Sequence[WireMessage], *, open_turn: bool) -> str:
        """The prompt; with `open_turn` it ends where the assistant begins to speak.

        Raises:
            BadRequest: the template refuses these messages (roles out of turn, ...).
        """
        values: dict[str, Any] = {**self._tokens, "enable_thinking": False, "tools": None}
        try:
            return self._template.render(messages=list(messages), add_generation_prompt=open_turn, **values)
        except jinja2.TemplateError as error:
            raise BadRequest(f"The model's chat template refuses these messages: {error}", param="messages") from error


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)
