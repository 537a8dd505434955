"""The same weights in another packing, kept in a file."""

import logging
import os
import tempfile
from pathlib import Path

import llama_cpp

log = logging.getLogger("edge_agent")


def as_q8_0(model: Path, kept: Path, threads: int) -> Path:
    """`kept`, made from `model` where it is not there; `model` itself where it cannot be made, which the log tells.

    It appears under its name only when it is whole.
    """
    if kept.exists():
        return kept
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.allow_requantize, params.nthread = llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0, True, threads
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".repack-") as scratch:
            made = Path(scratch) / kept.name
            if llama_cpp.llama_model_quantize(str(model).encode(), str(made).encode(), params) != 0:
                raise OSError("llama.cpp could not write it")
            os.replace(made, kept)
    except OSError as error:
        log.warning("%s stays as it is packed: %s", model.name, error)
        return model
    log.info("%s was repacked as Q8_0: %s", model.name, kept)
    return kept
