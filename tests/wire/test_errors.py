import pytest

from picegate.core import errors
from picegate.core.errors import PiceError
from picegate.wire.errors import TABLE, error_body, refusal


def every(kind: type[PiceError]) -> list[type[PiceError]]:
    return [kind, *(each for below in kind.__subclasses__() for each in every(below))]


def make(kind: type[PiceError]) -> PiceError:
    if issubclass(kind, errors.CloudRefused):
        return kind("no", status=418, body={})
    return kind("no")


@pytest.mark.parametrize("kind", every(PiceError), ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_and_openais_shape(kind: type[PiceError]) -> None:
    said = refusal(make(kind))
    assert 400 <= said.status < 600
    assert set(said.body["error"]) == {"message", "type", "param", "code"}
    assert said.body["error"]["type"]
    assert ("retry-after" in said.headers) == (said.status in (429, 503))
    assert (said.body["error"]["type"] == "rate_limit_error") == (said.status == 429)


def test_a_class_below_another_may_have_a_row_of_its_own() -> None:
    assert refusal(errors.CloudBroken("x")).status == TABLE[errors.CloudError][0]
    assert refusal(errors.CloudTimeout("x")).status == TABLE[errors.CloudTimeout][0] == 504


def test_a_code_given_wins_over_the_class() -> None:
    assert error_body(errors.BadRequest("x", code="odd", param="p"))["error"] == {
        "message": "x",
        "type": "invalid_request_error",
        "param": "p",
        "code": "odd",
    }


def test_what_else_the_cloud_said_stays() -> None:
    refused = errors.CloudRefused("x", status=400, body={"error": {"message": "m", "code": 7}, "trace": "t"})
    assert error_body(refused) == {
        "error": {"message": "m", "type": "invalid_request_error", "param": None, "code": 7},
        "trace": "t",
    }
