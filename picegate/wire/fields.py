"""Typed reading of a request body. Every complaint is a `BadRequest` that names the field as OpenAI does."""

from collections.abc import Mapping
from typing import Any

from picegate.core.errors import BadRequest

WRONG_TYPE = "invalid_type"
MISSING = "missing_required_parameter"

_NAMES: dict[type, str] = {bool: "a boolean", int: "an integer", float: "a number", str: "a string", list: "an array"}


def kind_of(value: Any) -> str:
    """What JSON calls the type of `value`, with its article."""
    if value is None:
        return "null"
    return _NAMES.get(type(value), "an object")


def wrong_type(param: str, wanted: str, value: Any) -> BadRequest:
    return BadRequest(
        f"Invalid type for '{param}': expected {wanted}, but got {kind_of(value)} instead.",
        code=WRONG_TYPE,
        param=param,
    )


def out_of_range(param: str, wanted: str) -> BadRequest:
    return BadRequest(f"Invalid value for '{param}': expected {wanted}.", param=param)


class Fields:
    """The fields of one JSON object. Every reader takes null as not said, and returns None for it.

    `where` is the object's own path in the body ("" for the body itself), put before every name in complaints.
    """

    def __init__(self, values: Mapping[str, Any], where: str = "") -> None:
        self.values = values
        self._where = where

    def path(self, name: str) -> str:
        return f"{self._where}.{name}" if self._where else name

    def raw(self, name: str) -> Any:
        return self.values.get(name)

    def boolean(self, name: str) -> bool | None:
        value = self.raw(name)
        if value is None or isinstance(value, bool):
            return value
        raise wrong_type(self.path(name), "a boolean", value)

    def string(self, name: str) -> str | None:
        value = self.raw(name)
        if value is None or isinstance(value, str):
            return value
        raise wrong_type(self.path(name), "a string", value)

    def integer(self, name: str, low: int | None = None, high: int | None = None) -> int | None:
        value = self.raw(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(self.path(name), "an integer", value)
        if (low is not None and value < low) or (high is not None and value > high):
            raise out_of_range(self.path(name), f"at least {low}" if high is None else f"{low} to {high}")
        return value

    def number(self, name: str, low: float, high: float) -> float | None:
        value = self.raw(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong_type(self.path(name), "a number", value)
        if not low <= value <= high:
            raise out_of_range(self.path(name), f"a number from {low:g} to {high:g}")
        return float(value)

    def array(self, name: str) -> list[Any] | None:
        value = self.raw(name)
        if value is None or isinstance(value, list):
            return value
        raise wrong_type(self.path(name), "an array", value)

    def object(self, name: str) -> dict[str, Any] | None:
        value = self.raw(name)
        if value is None or isinstance(value, dict):
            return value
        raise wrong_type(self.path(name), "an object", value)

    def choice(self, name: str, choices: tuple[str, ...]) -> str | None:
        value = self.string(name)
        if value is None or value in choices:
            return value
        listed = ", ".join(f"'{choice}'" for choice in choices)
        raise BadRequest(
            f"Invalid value for '{self.path(name)}': '{value}'. Supported values are: {listed}.", param=self.path(name)
        )
