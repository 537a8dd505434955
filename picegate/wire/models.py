"""The model list: chat front ends build their menu from it alone."""

from collections.abc import Mapping
from typing import Any

from picegate.settings import AliasSettings
from picegate.wire.options import FORCED, PLANNED, model_not_found

OWNER = "picegate"


def model_list(aliases: Mapping[str, AliasSettings], created: int) -> dict[str, Any]:
    return {"object": "list", "data": [_entry(name, created) for name in _names(aliases)]}


def model_entry(name: str, aliases: Mapping[str, AliasSettings], created: int) -> dict[str, Any]:
    """Raises ModelNotFound."""
    if name not in _names(aliases):
        raise model_not_found(name)
    return _entry(name, created)


def _names(aliases: Mapping[str, AliasSettings]) -> list[str]:
    return list(dict.fromkeys((PLANNED, *FORCED, *aliases)))


def _entry(name: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": OWNER}
