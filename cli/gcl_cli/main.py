"""The `gcl` command: a group that imports a command's module only when it is called for."""

import io
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import click

from gcl_cli.lines import say
from gcl_spec._words import escaped, nearest, shortened
from gcl_spec.errors import GclError, StoppedError
from gcl_spec.progress import warnings_to
from gcl_spec.train.signals import ends_alike

__all__ = ["cli", "main"]

# These stand here, not in the commands, so that `gcl --help` imports none of them.
_COMMANDS = {
    "train": "Train a retriever; without options, on the starter pictures.",
    "recipes": "The options of each recipe, and where every value comes from.",
    "eval": "Evaluate a run on the starter tasks or on your own data.",
    "ablate": "Train several objectives, scales and seeds; one table of them all.",
    "compare": "Is one run better than another by more than chance?",
    "embed": "Embed any number of items into searchable shards.",
    "index": "Index your own pictures, texts and pairs, to search them.",
    "search": "Search an index by a picture, a text, or both.",
    "serve": "Search an index on a web page.",
    "calibrate": "Fit calibrations of a run, which need no training.",
    "export": "A run of a clip model as a checkpoint for transformers.",
    "verify-backends": "Hold every backend to the reference: loss and gradients.",
    "verify-resume": "Kill a training of yours at random moments; it must end the same.",
    "data": "Look through training data for what must be mended.",
    "bench": "Time and memory of losses, in matrix products.",
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"gcl_cli.{cmd_name.replace('-', '_')}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        # click (8.1) has suggestions for options only.
        name = args[0]
        if name not in _COMMANDS and not name.startswith("-"):
            raise click.UsageError(f"No such command {name!r}{nearest(name, _COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Paper: arXiv 2509.25638 (NeurIPS 2025).",
)
@click.version_option(version("gcl-spec"), prog_name="gcl")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Generalized contrastive learning for universal multimodal retrieval."""
    ctx.obj = {"debug": debug}


def main(argv: Sequence[str] | None = None) -> None:
    """Run `gcl`; an error of the user's input is one line on stderr and its exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    # Pillow's warnings on metadata and large pictures are of no use, or are said of the sample.
    warnings.filterwarnings("ignore", module="PIL")
    _open_streams()
    # A file's name may have bytes that are no text; standard error escapes them by itself.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with ends_alike(), warnings_to(partial(say, err=True)):
            code = cli.main(args=args, prog_name="gcl", standalone_mode=False) or 0
        sys.stdout.flush()  # a full disk can still be said here
        sys.exit(code)
    except click.ClickException as error:
        vars(error)["message"] = shortened(escaped(error.message))
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("error: interrupted", err=True)
        sys.exit(130)
    except StoppedError as error:
        if str(error):  # only the first process has a message
            say(error, err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        _drop_output()  # its reader has gone, as `head` does, and needs no word
        sys.exit(1)
    except (GclError, MemoryError, RuntimeError, OSError) as error:
        if "--debug" in args:
            traceback.print_exc()
        line, code = _line_of(error)
        say(f"error: {line}", err=True)
        _drop_output()
        sys.exit(code)


def _open_streams() -> None:
    """Open stand-ins for streams that are closed, as cron and some service managers leave them.

    Otherwise a file of a run could take the place of standard error, and be written to as such.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115  # for all of the process


def _line_of(error: Exception) -> tuple[str, int]:
    """The line on an error, and its exit code; an error of the program itself is raised again."""
    from gcl_spec.config.memory import lacks_memory

    if isinstance(error, GclError):
        return str(error), error.exit_code
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename is not None else ""
        said = error.strerror or str(error) or type(error).__name__
        return f"{where}{said}; check its rights and the disk, try again", GclError.exit_code
    if not lacks_memory(error):
        raise error
    said = (str(error).strip() or type(error).__name__).splitlines()[0]
    return (
        f"there is not enough memory: {said}; lower train.microbatch, eval.batch_size or what else "
        "was set, or take a larger machine"
    ), 1


def _drop_output() -> None:
    """Let Python not try again at its end to write what cannot be written to stdout."""
    with suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
        return
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
