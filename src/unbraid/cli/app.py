"""`unbraid`: the command line. Verbs live in files of their own and import heavy things late."""

import os
import sys
import traceback
from typing import Annotated

import typer

from unbraid import __version__
from unbraid.cli import batch, compare, data, demo, doctor, evaluate, models, play, separate, train
from unbraid.errors import UnbraidError

INTERRUPTED = 130
"""128 + SIGINT, what shells expect."""

CANCELLED = "cancelled; nothing half-written is left"

app = typer.Typer(
    help="Takes songs apart: vocals, drums, bass and the rest, on a CPU.",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("play")(play.play)
app.command("separate")(separate.separate)
app.command("batch")(batch.batch)
app.command("demo")(demo.demo)
app.add_typer(models.app, name="models")
app.command("doctor")(doctor.doctor)
app.command("evaluate", cls=evaluate.ManyValues)(evaluate.evaluate)
app.command("compare", cls=evaluate.ManyValues)(compare.compare)
app.command("train")(train.train)
app.command("export")(train.export)
app.add_typer(data.app, name="data")


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"unbraid {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> int:
    """Takes songs apart: vocals, drums, bass and the rest, on a CPU. Alone it opens the player."""
    return play.window() if context.invoked_subcommand is None else 0


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; every failure is one line on stderr and a non-zero exit."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run a command line and give its exit code."""
    try:
        result = app(arguments, prog_name="unbraid", standalone_mode=False)
        sys.stdout.flush()
    except UnbraidError as error:
        if _came_of_ctrl_c(error):
            return _fail(CANCELLED, INTERRUPTED)
        return _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _fail(CANCELLED, INTERRUPTED)
    except (BrokenPipeError, SystemExit) as error:
        # The reader of stdout left, as `head` does, which typer makes an exit of.
        if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):
            raise
        # Keep the interpreter's last flush quiet too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _fail(CANCELLED, INTERRUPTED) if _came_of_ctrl_c(error) else _report(error)
    if result == INTERRUPTED:  # typer turns KeyboardInterrupt into this
        return _fail(CANCELLED, INTERRUPTED)
    return result if isinstance(result, int) else 0


def _came_of_ctrl_c(error: BaseException | None) -> bool:
    """Whether Ctrl-C is the cause: a compiled module that it stops at loading fails to import."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _report(error: Exception) -> int:
    """What typer raises about the arguments, and what nobody expected."""
    if os.environ.get("UNBRAID_DEBUG"):
        traceback.print_exc()
    if hasattr(error, "format_message"):  # typer's own errors, whichever package they live in
        context = getattr(error, "ctx", None)
        if type(error).__name__ == "NoArgsIsHelpError":  # the help, which is no complaint
            typer.echo(error.format_message())
            return 0
        command = context.command_path if context else "unbraid"
        message = error.format_message().replace("\n", " ")
        return _fail(f"{message.rstrip('.')} (see {command} --help)", 2)
    if isinstance(error, ModuleNotFoundError):
        return _fail(f"{error.name} is not installed: pip install {error.name}", 1)
    reason = " ".join(str(error).split())[:300]
    return _fail(
        f"unexpected {type(error).__name__}: {reason} "
        "(a traceback is shown with UNBRAID_DEBUG=1; please report it)",
        1,
    )


def _fail(message: str, exit_code: int) -> int:
    typer.echo(f"unbraid: {message}", err=True)
    return exit_code
