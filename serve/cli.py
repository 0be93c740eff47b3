"""The ``lanmu`` command. Each subcommand imports what it needs when it runs, so that help comes at once.

Exit status: 0 done; 1 done, but ``label`` set records aside; 2 not done, and one line on standard error says why.
"""

import os
import sys
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from typing import Any, Literal

import click

# serve never imports training: these commands are found by name among the installed entry points.
COMMAND_GROUP = "lanmu.commands"
_HELP = {
    "pretrain": "Make an encoder from raw texts  [needs lanmu[train]].",
    "train": "Train a network from a config file  [needs lanmu[train]].",
    "evaluate": "Measure a bundle on annotated text  [needs lanmu[train]].",
    "export": "Turn a trained network into a bundle  [needs lanmu[train]].",
}


class _Elsewhere(click.Command):
    """A command of another floor: known by name, imported when it is run."""

    def __init__(self, entry: EntryPoint) -> None:
        super().__init__(entry.name, help=_HELP.get(entry.name, ""))
        self._entry = entry

    def make_context(self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any) -> click.Context:
        command: click.Command = self._entry.load()
        return command.make_context(info_name, args, parent, **extra)


class _Commands(click.Group):
    """The built-in subcommands and those of other floors."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *sorted(entry_points(group=COMMAND_GROUP).names - set(self.commands))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if built_in := super().get_command(ctx, cmd_name):
            return built_in
        return next((_Elsewhere(entry) for entry in entry_points(group=COMMAND_GROUP, name=cmd_name)), None)


def _print_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        try:
            click.echo(f"lanmu {version('lanmu')}")
        except PackageNotFoundError:
            click.echo("lanmu (not installed: run from its source folder)")
        ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version and exit.")
def cli() -> None:
    """lanmu 栏目: themes and departments of Chinese news text."""


@cli.command()
@click.option("--host", help="Address to listen on  [LANMU_HOST, 127.0.0.1].")
@click.option("--port", type=int, help="Port to listen on, 0 for any that is free  [LANMU_PORT, 8000].")
@click.option("--threads", type=int, help="Cores for inference, 0 for all  [LANMU_THREADS, 0].")
@click.option("--bundle", type=click.Path(), help="Folder of the bundle  [LANMU_BUNDLE, the bundled one].")
@click.option("--runtime", help="auto, openvino or onnxruntime  [LANMU_RUNTIME, auto].")
def serve(**options: str | int | None) -> None:
    """Answer over HTTP. Prints its address when it is ready."""
    from serve.settings import override, read_settings

    settings = override(read_settings(), options)
    from serve.server import run_server

    run_server(settings)


@cli.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("-o", "--output", default="-", type=click.Path(dir_okay=False, allow_dash=True), help="File to write  [standard output].")
@click.option("--scores", type=click.Choice(["given", "all"]), default="given", help="all: also the themes below their threshold.")
@click.option("--offset-unit", type=click.Choice(["code-point", "utf-16"]), default="code-point", help="What start and end count.")
@click.option("--region", default="", help="Region of the documents that name none, e.g. 内蒙古.")
@click.option("--threads", type=int, help="Cores for inference, 0 for all  [LANMU_THREADS, 0].")
@click.option("--bundle", type=click.Path(), help="Folder of the bundle  [LANMU_BUNDLE, the bundled one].")
@click.option("--runtime", help="auto, openvino or onnxruntime  [LANMU_RUNTIME, auto].")
@click.pass_context
def label(
    ctx: click.Context,
    /,
    files: tuple[str, ...],
    output: str,
    scores: Literal["given", "all"],
    offset_unit: Literal["code-point", "utf-16"],
    region: str,
    **options: str | int | None,
) -> None:
    """Label text or JSONL files: one labelled document a line, as the API answers it.

    A .jsonl file has a document a line ({"id", "text"}); any other file is one article, in UTF-8 or GB18030. "-" is standard
    input. What cannot be read goes to OUTPUT.rejected.jsonl (to standard error, where there is no OUTPUT), and the exit status is 1.
    """
    from serve.settings import override, read_settings

    settings = override(read_settings(), options)
    from model.classifier import Classifier
    from serve.label import label_files

    classifier = Classifier.open(settings.bundle, settings.runtime, settings.threads)
    counts = label_files(classifier, files, output, region, scores, offset_unit)
    if counts.rejected:
        click.echo(f"lanmu: {counts.labelled} labelled, {counts.rejected} set aside", err=True)
        ctx.exit(1)


def main() -> None:
    """Run the command line and end the process; no failure shows more than a line."""
    try:
        status = cli.main(prog_name="lanmu", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Abort:
        _fail("interrupted", 130)
    except Exception as error:
        if os.environ.get("LANMU_DEBUG"):
            raise
        _fail(_line(error))
    sys.exit(status if isinstance(status, int) else 0)


def _line(error: Exception) -> str:
    """An error in one line."""
    # Not imported above: it would be the only import of another floor before a subcommand is known.
    from model.errors import LanmuError

    if isinstance(error, click.ClickException):
        return " ".join(error.format_message().split())
    if isinstance(error, LanmuError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and error.name and error.name.partition(".")[0] not in ("data", "model", "serve", "training"):
        return f"{error.name.partition('.')[0]} is not installed; train, evaluate and export need more than the core: install lanmu[train]"
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return f"{type(error).__name__}: {error} (a fault of lanmu; LANMU_DEBUG=1 shows where)".replace("\n", " ")


def _fail(message: str, status: int = 2) -> None:
    click.echo(f"lanmu: error: {message}", err=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
