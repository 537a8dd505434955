"""Model names, the body's `pice` field and the data policy: how a client steers who answers."""

from collections.abc import Mapping

from picegate.core.chat import DataPolicy, Mode, PiceOptions, ServiceLevel
from picegate.core.errors import BadRequest, Forbidden, ModelNotFound
from picegate.settings import AliasSettings
from picegate.wire.fields import MISSING, Fields

PLANNED = "pice"  # the planner decides
FORCED = {"pice-cloud": Mode.CLOUD, "pice-progressive": Mode.PROGRESSIVE, "pice-edge": Mode.EDGE}
MAX_ENSEMBLE = 8

AUTO = "auto"  # the planner decides, whatever an alias stands for
_MODES, _POLICIES, _SERVICES = (AUTO, *Mode), tuple(DataPolicy), tuple(ServiceLevel)
_KNOWN = ("mode", "level", "ensemble", "data_policy", "service_level", "explain")


def read_model(fields: Fields, aliases: Mapping[str, AliasSettings]) -> str:
    model = fields.string("model")
    if not model:
        raise BadRequest("You must provide a model parameter.", code=MISSING, param="model")
    if model != PLANNED and model not in FORCED and model not in aliases:
        raise model_not_found(model)
    return model


def model_not_found(model: str) -> ModelNotFound:
    return ModelNotFound(f"The model `{model}` does not exist or you do not have access to it.", param="model")


def read_options(fields: Fields, model: str, aliases: Mapping[str, AliasSettings]) -> PiceOptions:
    """What the client wishes: the `pice` field first, then what the model's name stands for.

    Raises:
        BadRequest: an unknown or ill-typed inner field, or a mode that contradicts a `pice-*` model name.
    """
    pice = Fields(fields.object("pice") or {}, "pice")
    unknown = next((name for name in pice.values if name not in _KNOWN), None)
    if unknown is not None:
        raise BadRequest(f"Unknown parameter: 'pice.{unknown}'.", code="unknown_parameter", param=f"pice.{unknown}")
    said = pice.choice("mode", _MODES)
    mode = Mode(said) if said not in (None, AUTO) else None
    level = pice.integer("level", 1, 3)
    policy = pice.choice("data_policy", _POLICIES)
    service = pice.choice("service_level", _SERVICES)
    forced = FORCED.get(model)
    if forced is not None:
        if mode not in (None, forced):
            raise BadRequest(
                f"'pice.mode' is '{mode}', but the model '{model}' stands for '{forced}'.", param="pice.mode"
            )
        mode = forced
    elif (alias := aliases.get(model)) is not None:
        mode = mode or (alias.mode if said is None else None)
        level = level or alias.level
    return PiceOptions(
        mode=mode,
        level=level,
        ensemble=pice.integer("ensemble", 1, MAX_ENSEMBLE),
        data_policy=DataPolicy(policy) if policy is not None else None,
        service_level=ServiceLevel(service) if service is not None else None,
        explain=pice.boolean("explain") or False,
    )


def stricter(default: DataPolicy, wish: DataPolicy | None) -> DataPolicy:
    """The policy that holds where the config says `default` and the request says `wish`.

    Raises:
        Forbidden: one wants the text kept from the cloud, the other from the edge.
    """
    if wish in (None, DataPolicy.ANY, default):
        return default
    if default is DataPolicy.ANY:
        return wish
    raise Forbidden(
        f"The data policy '{wish}' contradicts the policy '{default}' that this gateway is configured with.",
        code="data_policy_conflict",
        param="pice.data_policy",
    )
