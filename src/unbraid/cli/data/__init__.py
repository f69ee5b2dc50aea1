"""`unbraid data`: training material. One file a verb; heavy imports come late."""

import typer

from unbraid.cli.data import build, code, label, listen, pack, read, stats

app = typer.Typer(help="Build training material, count it and listen to it.", no_args_is_help=True)
app.command("build")(build.build)
app.command("stats")(stats.stats)
app.command("pack")(pack.pack)
app.command("unpack")(pack.unpack)
app.command("code")(code.code)
app.command("listen")(listen.listen)
app.command("read")(read.read)
app.command("label")(label.label)
