"""Token estimates for when no upstream has counted: no tokenizer is known for a text that many models share."""

import re

# Scripts written without spaces: about one token a character in the vocabularies of 2024-26 (Llama 3, Qwen 2.5, GPT-4o
# lie between 0.7 and 1.1). Other text: about 4 characters a token, OpenAI's own rule of thumb for English.
_DENSE = re.compile(r"[぀-ヿ㐀-䶿一-鿿가-힯豈-﫿＀-￯]")
CHARS_PER_TOKEN = 4.0
TOKENS_PER_MESSAGE = 4  # role and turn markers of a chat template


def token_weight(text: str) -> float:
    """Tokens of `text`, estimated and not rounded: the weights of a text's pieces add up to its own."""
    if text.isascii():
        return len(text) / CHARS_PER_TOKEN
    dense = len(_DENSE.findall(text))
    return dense + (len(text) - dense) / CHARS_PER_TOKEN


def estimate_tokens(text: str) -> int:
    """Tokens of `text`, estimated; 0 for an empty text, else at least 1."""
    return max(1, round(token_weight(text))) if text else 0


def estimate_chat_tokens(texts: list[str]) -> int:
    """Prompt tokens of a conversation whose messages have these texts, estimated."""
    return sum(estimate_tokens(text) + TOKENS_PER_MESSAGE for text in texts)
