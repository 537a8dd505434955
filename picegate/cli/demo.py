"""`picegate demo`: a whole system with real models on this machine, and one question answered by it."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from edge_agent.errors import StartupError
from edge_agent.models.download import fetch
from edge_agent.models.manifest import EMBEDDED
from picegate.cli.demo_view import comparison, explain_tokens, legend, panels, show_legs, watching
from picegate.cli.options import FAILED, MISUSED, complain
from picegate.testbed.local import CloudAt, LocalModel, LocalPlan, LocalSystem, local_system
from picegate.testbed.local_settings import ENSEMBLE
from picegate.testbed.models import QWEN_HALF, TERMS, fetch_pieces
from picegate.testbed.programs import ProgramFailed

QUESTION = "What should I think of before I adopt a dog?"
MAX_TOKENS = 500
# With these, models so small write usable sketches as stand-ins; a real cloud is not told, some refuse a seed.
SEEDS = {EMBEDDED.name: 5, QWEN_HALF.name: 10}
UP_PORT = 8080
FOLDER = Path(".demo")

# Assumed, in USD per million tokens, the order of a large commercial model's list price in 2025-26: 2.50 for input,
# 1.25 where cached, 10.00 for output. The edge: 0.10 for a device of 30 W at 0.30 USD/kWh and 25 tokens a second.
PRICES = (2.50, 1.25, 10.00, 0.10)


def demo(
    ask: Annotated[str | None, typer.Option(help="The question.")] = None,
    cloud_url: Annotated[str | None, typer.Option(help="A real cloud: OpenAI-compatible base URL.")] = None,
    cloud_key: Annotated[str | None, typer.Option(envvar="CLOUD_KEY", help="Its API key.")] = None,
    cloud_model: Annotated[str | None, typer.Option(help="Its model.")] = None,
    agents: Annotated[int, typer.Option(min=1, max=8, help="Edge agents to start.")] = 2,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads of each model process.")] = 1,
    engine: Annotated[
        str, typer.Option(help="Of the agents: auto takes the compiled one (llama) where it is installed.")
    ] = "auto",
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="Agents with two models, whose passages are compared; fetches 491 MB.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the system running until Ctrl-C.")] = False,
    port: Annotated[int | None, typer.Option(help="Of the gateway; any free one, or 8080 with --keep.")] = None,
) -> None:
    """Start a cloud stand-in, the gateway and edge agents on this machine, and ask them a question.

    The models are tiny and all processes share this machine's cores: see how it works, not how fast or wise it is.
    With --ensemble agents run two models by turns, passages are scored, and points that nobody reads yet are written by
    both. The second model is a third party's upload without licence data: for development and evaluation only.
    Costs are reckoned with assumed prices of a large commercial model: 2.50 USD per million input tokens (1.25 where
    cached), 10.00 per million output tokens, 0.10 per million tokens of the edge.
    """
    if bool(cloud_url) != bool(cloud_model):
        complain("--cloud-url and --cloud-model belong together")
        raise typer.Exit(MISUSED)
    console = Console(highlight=False)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job inherits "ignore"
    with _one_line_errors():
        with console.status("fetching the model (98 MB, once)") as status:
            models = [LocalModel(fetch(EMBEDDED), EMBEDDED.name)]
            if ensemble:
                models.append(LocalModel(fetch_pieces(QWEN_HALF, progress=status.update), QWEN_HALF.name))
        if ensemble:
            console.print(f"{QWEN_HALF.name} is {TERMS}.")
        plan = LocalPlan(
            folder=FOLDER,
            # Of the models that are there, the largest plays the cloud.
            cloud=CloudAt(cloud_url, cloud_model, cloud_key or "") if cloud_url and cloud_model else models[-1],
            agents=tuple(islice(cycle(models), agents)),
            port=port if port is not None else (UP_PORT if keep else 0),
            threads=threads,
            engine=engine,
            prices=PRICES,
            sections=ENSEMBLE if ensemble else {},
        )
        with console.status("starting") as status, local_system(plan, status.update) as system:
            status.stop()
            if ask or not keep:
                _answer(console, system, plan, ask or QUESTION)
            if keep:
                _stay(console, system)


def _answer(console: Console, system: LocalSystem, plan: LocalPlan, question: str) -> None:
    from openai import OpenAI, OpenAIError  # an extra: `picegate demo` alone needs it

    from picegate.testbed.asking import stream

    real_cloud = isinstance(plan.cloud, CloudAt)
    wishes = {"max_tokens": MAX_TOKENS} | ({} if real_cloud else {"seed": SEEDS[system.cloud.model]})
    cloud_name = system.cloud.model if real_cloud else f"cloud stand-in ({system.cloud.model})"
    console.print(f"\n[bold]Question[/]  {question}\n")
    try:
        client = OpenAI(base_url=system.url, api_key="none", max_retries=0, timeout=600.0)
        with client as gateway, watching(console) as show:
            told = stream(gateway, "pice-progressive", question, wishes, show)
        console.print(*panels(told), sep="\n")
    except OpenAIError as error:
        system.check()
        raise ProgramFailed(f"the question failed: {error}") from error
    try:
        with console.status(f"the same question to the {cloud_name} alone"):
            key = system.cloud.api_key or "none"
            with OpenAI(base_url=system.cloud.url, api_key=key, max_retries=0, timeout=600.0) as cloud:
                alone = stream(cloud, system.cloud.model, question, wishes, lambda _: None)
    except OpenAIError as error:
        raise ProgramFailed(f"the cloud at {system.cloud.url} failed: {error}") from error
    console.print(show_legs(told))
    console.print(comparison(told, alone, PRICES))
    console.print(explain_tokens(told, alone))
    models = list(dict.fromkeys(model.name for model in plan.agents))
    console.print(legend(models, None if real_cloud else system.cloud.model))


def _stay(console: Console, system: LocalSystem) -> None:
    body = '{"model": "pice", "stream": true, "messages": [{"role": "user", "content": "How do I sleep better?"}]}'
    console.print(f"\n[bold]picegate is up[/] on {system.url} (Ctrl-C ends it; logs in {FOLDER}/)\n")
    console.print("curl:", style="bold")
    console.print(
        f"  curl -N {system.url}/chat/completions -H 'content-type: application/json' -d '{body}'\n", soft_wrap=True
    )
    console.print("Python:", style="bold")
    console.print("  from openai import OpenAI")
    console.print(f'  client = OpenAI(base_url="{system.url}", api_key="none")')
    console.print('  client.chat.completions.create(model="pice-progressive", messages=[...])\n')
    console.print(f"picegate ask --url {system.root} 'a question'")
    console.print(f"picegate nodes --url {system.root}\n")
    console.print("One more agent:", style="bold")
    enrol = f"--gateway {system.root} --token {system.enrolment_token}"
    console.print(f"  edge-agent serve {enrol} --port 0 --name mine\n", soft_wrap=True)
    alive = set(system.agents)
    for agent in system.agents:
        console.print(f"{agent.name} is process {agent.pid}: kill it in the middle of an answer, the answer goes on")
    while True:
        system.check()
        for agent in [agent for agent in alive if not agent.running]:
            alive.remove(agent)
            console.print(f"{agent.name} has died; the gateway goes on without it")
        signal.sigtimedwait({signal.SIGCHLD}, 1.0)


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except (ProgramFailed, StartupError) as error:
        complain(str(error))
        raise typer.Exit(FAILED) from error
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
