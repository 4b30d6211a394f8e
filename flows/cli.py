"""The command line `nst`. Heavy imports wait until a command needs them, so that `--help` answers at once."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable
from typing import Annotated, Any

import typer

import nst_core
from flows.commands import (
    app as app_command,
)
from flows.commands import (
    bench as bench_command,
)
from flows.commands import (
    download as download_command,
)
from flows.commands import (
    export as export_command,
)
from flows.commands import (
    folder as folder_commands,
)
from flows.commands import (
    image as image_commands,
)
from flows.commands import (
    index as index_command,
)
from flows.commands import (
    picture as picture_commands,
)
from flows.commands import (
    report as report_command,
)
from flows.commands import (
    run as run_commands,
)
from flows.commands import (
    serve as serve_command,
)
from flows.commands import (
    status as status_command,
)
from flows.progress import console
from nst_core.errors import InputError, Interrupted, NstError

# What Typer raises for wrong usage: click's class, or that of the copy of click that newer versions carry.
ClickException: type[Any] = typer.BadParameter.__mro__[2]

EXIT_ERROR, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130

app = typer.Typer(
    name="nst",
    help="Stylize whole image datasets by neural style transfer.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_debug = False


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"nst {nst_core.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options before the command; `--debug` is taken by `main`, wherever it stands."""


for command in (
    run_commands.demo,
    run_commands.run,
    run_commands.pair,
    index_command.index,
    run_commands.plan,
    status_command.status,
    folder_commands.retry,
    folder_commands.verify,
    folder_commands.gallery,
    report_command.report,
    serve_command.serve,
    app_command.app,
    export_command.export,
    picture_commands.triptych,
    image_commands.stylize,
    image_commands.reconstruct,
    bench_command.bench,
):
    app.command()(command)
app.command("contact-sheet")(picture_commands.contact_sheet)
app.add_typer(download_command.download, name="download")


def main() -> None:
    """The console script: runs a command and answers with DESIGN's exit codes, errors as one sentence on stderr."""
    global _debug
    signal.signal(signal.SIGTERM, _terminated)
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    _debug = len(arguments) != len(sys.argv) - 1
    sys.exit(_guarded(lambda: app(arguments, standalone_mode=False)))


def _terminated(_number: int, _frame: Any) -> None:
    """SIGTERM outside a flow: leave through every `finally`, or the temporary server would stay behind."""
    raise KeyboardInterrupt


def _guarded(command: Callable[[], Any]) -> int:
    try:
        answer = command()
        return answer if isinstance(answer, int) else 0
    except typer.Exit as error:
        return int(error.exit_code)
    except InputError as error:
        return _fail(error, EXIT_USAGE)
    except NstError as error:
        return _fail(error, error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _fail(Interrupted("Interrupted: the same command goes on from here."), EXIT_INTERRUPTED)
    except ClickException as error:
        error.show()
        return EXIT_USAGE
    except OSError as error:
        return _fail(error, EXIT_ERROR)
    except Exception as error:
        return _fail(error, EXIT_ERROR, prefix=f"Unexpected {type(error).__name__}: ")


def _fail(error: BaseException, code: int, prefix: str = "") -> int:
    if _debug:
        traceback.print_exception(error)
    else:
        hint = " (run with --debug for the traceback)" if prefix else ""
        console.print(f"Error: {prefix}{error}{hint}", style="red", markup=False, soft_wrap=True)
    return code
