"""Messages become the text that a model goes on from."""

import pytest

from edge_agent.engine.prompt import cut_after, split_continued
from edge_agent.engine.template import ChatTemplate
from edge_agent.errors import BadRequest, ModelUnusable

USER = {"role": "user", "content": "Why sleep?"}
BEGUN = {"role": "assistant", "content": "Because "}


def test_a_model_without_a_template_gets_chatml() -> None:
    template = ChatTemplate(None, bos="", eos="")
    assert template.render([USER], open_turn=True) == "<|im_start|>user\nWhy sleep?<|im_end|>\n<|im_start|>assistant\n"


def test_templates_know_the_usual_helpers() -> None:
    template = ChatTemplate(
        "{{ bos_token }}{% for m in messages %}{{ m | tojson }}{% break %}{% endfor %}",
        bos="<s>",
        eos="",
    )
    assert template.render([USER, USER], open_turn=False) == '<s>{"role": "user", "content": "Why sleep?"}'


def test_a_template_that_refuses_the_messages_is_a_bad_request() -> None:
    template = ChatTemplate("{{ raise_exception('roles must alternate') }}", bos="", eos="")
    with pytest.raises(BadRequest, match="roles must alternate") as refused:
        template.render([USER, USER], open_turn=True)
    assert refused.value.param == "messages"


def test_a_template_cannot_reach_out_of_its_sandbox() -> None:
    template = ChatTemplate("{{ ''.__class__.__mro__[1].__subclasses__() }}", bos="", eos="")
    with pytest.raises(BadRequest):
        template.render([USER], open_turn=True)


def test_a_broken_template_makes_the_model_unusable() -> None:
    with pytest.raises(ModelUnusable, match="Jinja"):
        ChatTemplate("{% for %}", bos="", eos="")


def test_a_continued_turn_is_taken_out_of_the_messages() -> None:
    assert split_continued([USER, BEGUN], True) == ([USER], "Because ")
    assert split_continued([USER, BEGUN], False) == ([USER, BEGUN], "")


def test_only_the_assistant_can_be_continued() -> None:
    with pytest.raises(BadRequest, match="assistant"):
        split_continued([USER], True)


def test_a_warm_prompt_ends_with_the_last_message_even_where_the_template_trims() -> None:
    rendered = "<user>Why sleep?</user><user>Why sleep?</user>"
    assert cut_after(rendered, "Why sleep?") == "<user>Why sleep?</user><user>Why sleep?"
    assert cut_after(rendered, " Why sleep? \n") == "<user>Why sleep?</user><user>Why sleep?"
    assert cut_after(rendered, "") == rendered
