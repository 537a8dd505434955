"""Between text and token ids."""

import ctypes
from typing import Any

import llama_cpp

PIECE_BYTES = 256  # longest token text in any vocabulary we know is 128


class Vocabulary:
    """Of a loaded model.

    Attributes:
        pointer: llama.cpp's own handle. size: tokens in it.
        ends: tokens that end an answer: end of turn, of text.
        bos, eos: what the tokens that begin and end a sequence are spelt as.
    """

    def __init__(self, model: Any) -> None:
        self.pointer = llama_cpp.llama_model_get_vocab(model)
        self.size: int = llama_cpp.llama_vocab_n_tokens(self.pointer)
        self.ends = frozenset(t for t in range(self.size) if llama_cpp.llama_vocab_is_eog(self.pointer, t))
        self.bos = self.piece(llama_cpp.llama_vocab_bos(self.pointer)).decode(errors="replace")
        self.eos = self.piece(llama_cpp.llama_vocab_eos(self.pointer)).decode(errors="replace")

    def tokenize(self, prompt: str) -> list[int]:
        """Special tokens are spelt out in `prompt`."""
        # A template that writes the beginning-of-sequence token itself must not get a second one.
        adds_bos = llama_cpp.llama_vocab_get_add_bos(self.pointer) and not (self.bos and prompt.startswith(self.bos))
        text = prompt.encode()
        room = len(text) + 2
        while True:
            tokens = (llama_cpp.llama_token * room)()
            count = llama_cpp.llama_tokenize(self.pointer, text, len(text), tokens, room, adds_bos, True)
            if count >= 0:
                return list(tokens[:count])
            room = -count

    def piece(self, token: int, *, special: bool = True) -> bytes:
        """The token's text; that of control tokens where `special`, else nothing for them."""
        buffer = ctypes.create_string_buffer(PIECE_BYTES)
        length = llama_cpp.llama_token_to_piece(self.pointer, token, buffer, PIECE_BYTES, 0, special)
        return buffer.raw[: max(0, length)]
