"""What models let slip about their task. The half held back has phrases of its own: no pattern was fitted to them."""

from dataclasses import dataclass

from picegate.core.language import Language

Phrases = tuple[tuple[str, ...], tuple[str, ...]]  # before a passage, and behind it


@dataclass(frozen=True, slots=True)
class Leaked:
    english: Phrases
    japanese: Phrases

    def of(self, language: Language) -> Phrases:
        return self.japanese if language is Language.JAPANESE else self.english


TUNING = Leaked(
    english=(
        (
            "Sure! Here is the paragraph:",
            "Notes: the facts as given.",
            "As an AI language model, I can write this for you.",
            "Write one paragraph of about 50 words.",
            "Here's a passage based on your notes.",
            ">>50 The passage follows.",
            "Certainly! I'd be happy to help with that.",
        ),
        (
            "I hope this helps!",
            "Let me know if you need anything else.",
            "(Word count: 48)",
            "This paragraph uses every fact in the notes.",
            "<|im_end|>",
            "Question: What else would you like to know?",
        ),
    ),
    japanese=(
        (
            "はい、承知しました。",
            "以下の段落をご覧ください。",
            "メモ:事実をすべて使います。",
            "約100字の一段落を書いてください。",
            "もちろんです!",
            "AI言語モデルとしてお答えします。",
        ),
        (
            "お役に立てれば幸いです。",
            "この段落はメモの事実をすべて使っています。",
            "(文字数:98)",
            "ご質問があればお気軽にどうぞ。",
            "質問:ほかに何かありますか。",
        ),
    ),
)

HELD_BACK = Leaked(
    english=(
        (
            "Of course! Below is a draft of the text you asked for.",
            "Paragraph: the answer in full.",
            "I am an AI assistant and will do my best to write it.",
            "Turn the notes into one paragraph of the answer to the question.",
            "Great question! Let us look at it.",
            "User: please write the next part.",
            "### Answer",
            "Okay, following the instructions, I start with the main fact.",
        ),
        (
            "Feel free to ask if anything is unclear.",
            "[End of passage]",
            "The above passage stays within the word limit.",
            "I'm happy to write a longer version if you like.",
            "Note: all given notes were used, no greeting and no title.",
            "</s>",
            "Is there anything else I can help you with?",
        ),
    ),
    japanese=(
        (
            "かしこまりました。",
            "次の文章をお読みください。",
            "回答:以下のとおりです。",
            "メモを、質問への答えの一段落にします。",
            "こんにちは!お手伝いします。",
            "申し訳ありませんが、簡単に述べます。",
        ),
        (
            "以上がメモの内容をまとめた段落です。",
            "ほかにご不明な点があれば教えてください。",
            "この文章は指示どおり100字程度で書きました。",
            "ユーザー:続きを書いてください。",
            "見出しや箇条書きは使っていません。",
        ),
    ),
)
