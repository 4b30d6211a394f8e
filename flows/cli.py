"""The command line `nst`: the module of a command is imported when it is called, so that the others answer at once."""

from __future__ import annotations

import ast
import contextlib
import importlib
import io
import logging
import os
import re
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

import nst_core
from flows.light_pyarrow import keep_pandas_out
from flows.printing import PrintableRecords
from flows.signals import interrupt, leave_later, watch_signals
from nst_core.errors import InputError, Interrupted, NstError
from nst_core.storage.log_redaction import redacted_traceback
from nst_core.storage.secrets import redact_text
from nst_core.storage.web_access import name_places

COMMANDS = {
    "demo": "run",
    "run": "run",
    "pair": "run",
    "index": "index",
    "plan": "run",
    "status": "status",
    "retry": "folder",
    "verify": "folder",
    "gallery": "gallery",
    "report": "report",
    "judge": "judge",
    "describe": "describe",
    "sweep": "sweep",
    "serve": "serve",
    "app": "app",
    "export": "export",
    "publish": "publish",
    "triptych": "sheets",
    "stylize": "single",
    "reconstruct": "single",
    "styles": "styles",
    "bench": "bench",
    "train": "train",
    "contact-sheet": "sheets",
    "download": "download",
}
"""The module in `flows.commands` of each command, which is a function of its name there, or the callback of `group`."""

# What Typer raises for wrong usage: click's class, or that of the copy of click that newer versions carry.
ClickException: type[Any] = typer.BadParameter.__mro__[2]

_LONG_WORD = re.compile(r"(\S{150})\S{300,}(\S{50})")  # a name, or a value, of the length of a page

EXIT_ERROR, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


def load(name: str) -> typer.Typer:
    """Import a command: a Typer of this command alone, or with the commands of its group."""
    module = importlib.import_module(f"flows.commands.{COMMANDS[name]}")
    group: typer.Typer | None = getattr(module, "group", None)
    if group is None:
        group = typer.Typer(add_completion=False)
        group.command(name)(getattr(module, name.replace("-", "_")))
    return group


def _docstring(name: str) -> str | None:
    """The docstring of a command, without the import of its module."""
    source = Path(__file__).parent / "commands" / f"{COMMANDS[name]}.py"
    functions = (node for node in ast.parse(source.read_text("utf-8")).body if isinstance(node, ast.FunctionDef))
    return next(ast.get_docstring(node) for node in functions if node.name == name.replace("-", "_"))


class _Commands(TyperGroup):
    """All commands; until it is called, or the help is asked for, a command is only a name."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = {name: TyperCommand(name) for name in COMMANDS}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] in COMMANDS:
            self.commands[args[0]] = typer.main.get_command(load(args[0]))
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        for name, command in self.commands.items():
            command.help = _docstring(name)
        super().format_help(ctx, formatter)


app = typer.Typer(
    name="nst",
    cls=_Commands,
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


def script() -> None:
    """The console script: `main` in a process of its own."""
    _restart_in_utf8_mode()
    keep_pandas_out()
    warnings.filterwarnings("ignore", category=UserWarning, module="prefect")  # their causes are told by errors
    main()


def main() -> None:
    """Run a command, and exit with its code (docs/troubleshooting.md); errors go to stderr."""
    global _debug
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what it cannot show (a name that is not UTF-8) is told by its codes
            stream.reconfigure(errors="backslashreplace")
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as of a shell's background jobs
            signal.signal(number, interrupt)
    watch_signals()
    logging.getLogger("nst").addFilter(PrintableRecords())
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    _debug = len(arguments) != len(sys.argv) - 1
    name_places(arguments)
    code = _guarded(lambda: app(arguments, standalone_mode=False))
    if code == EXIT_INTERRUPTED:
        leave_later(say=False)  # the interpreter waits for threads, which may be in the midst of anything
    sys.exit(code)


def _restart_in_utf8_mode() -> None:
    """Start this process again where Python reads names and files in another encoding, as in the locale `C`.

    Processes that it starts inherit the mode.
    """
    if sys.flags.utf8_mode or sys.getfilesystemencoding().lower() == "utf-8" or not sys.executable:
        return
    os.environ["PYTHONUTF8"] = "1"
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


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
        error.message = redact_text(error.message)
        error.show()
        return EXIT_USAGE
    except BrokenPipeError:  # who reads the output has left, as `head` does
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_ERROR
    except Exception as error:
        from flows.causes import cause

        if (known := cause(error)) is not None:
            return _fail(error, known[1], known[0])
        return _fail(
            error, EXIT_ERROR, f"Unexpected {type(error).__name__}: {error} (run with --debug for the traceback)"
        )


def _fail(error: BaseException, code: int, sentence: str | None = None) -> int:
    if _debug:
        print(redacted_traceback(error), end="", file=sys.stderr)
    else:
        from flows.progress import console

        text = _LONG_WORD.sub(r"\1…\2", redact_text(str(error) if sentence is None else sentence))
        console.print(f"Error: {text}", style="red", markup=False, soft_wrap=True)
    return code
