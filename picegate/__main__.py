"""`python -m picegate`: the same as the console script."""

from picegate.cli.main import app

app(prog_name="picegate")
