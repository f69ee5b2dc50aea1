"""`unbraid separate`: songs to stems."""

import json
import math
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unbraid.cli import options as options_of
from unbraid.errors import Cancelled, OutputError, UnbraidError, UsageError

if TYPE_CHECKING:
    from unbraid.library.song import SongOptions, SongResult
    from unbraid.separation.model import Model
    from unbraid.separation.offline import Progress
    from unbraid.separation.separator import Separator


def separate(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Songs; videos with sound will do.")
    ],
    out: options_of.Out = Path("separated"),
    model: options_of.Model = None,
    stems: options_of.Stems = None,
    two_stems: options_of.TwoStems = None,
    mix: options_of.Mix = None,
    file_format: options_of.Format = "wav",
    depth: options_of.Depth = None,
    stem_mp4: options_of.StemMp4 = False,
    rate: options_of.Rate = "source",
    name: options_of.Name = None,
    force: options_of.Force = False,
    threads: options_of.Threads = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object for each song.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> int:
    """Take songs apart into stems that sum to them.

    Rate, depth, tags and cover of the source are kept. If a file that cannot hold more than full
    scale would clip, all files of that song get one common gain, and it is said.
    """
    options = options_of.song_options(
        folder=out,
        stems=stems,
        two_stems=two_stems,
        mixes=mix,
        file_format=file_format,
        depth=depth,
        rate=rate,
        name=name,
        force=force,
        stem_mp4=stem_mp4,
    )
    separator = _opened(model, threads)
    asked = stems is not None or two_stems is not None
    outputs = options_of.possible(options.outputs, separator.name, separator.stems, asked=asked)
    options = replace(options, outputs=outputs)
    if not quiet:
        _tell_licence(separator)
    failed = plan_all(files, separator.name, options)
    for file, error in failed.items():
        _complain(file, error, as_json=as_json)
    todo = [file for file in files if file not in failed]
    for number, file in enumerate(todo, 1):
        label = file.name if len(todo) == 1 else f"{number}/{len(todo)} {file.name}"
        try:
            result = _one(file, separator, options, label, show=not quiet)
        except Cancelled:
            raise Cancelled("cancelled; nothing half-written is left") from None
        except UnbraidError as error:
            failed[file] = error
            _complain(file, error, as_json=as_json)
            continue
        if as_json:
            _print_json(asdict(result))
        elif not quiet:
            _tell(result)
    if len(files) > 1 and failed:
        names = ", ".join(map(str, failed))
        typer.echo(f"unbraid: {len(failed)} of {len(files)} songs failed: {names}", err=True)
        return 1
    return failed[files[0]].exit_code if failed else 0


def _opened(model: str | None, n_threads: int | None) -> "Separator | Model":
    """A model set or a peer."""
    from unbraid.separation.model import named_model, plugins
    from unbraid.separation.separator import Separator

    if model is None or model.partition(":")[0] not in plugins():
        return Separator(model, n_threads=n_threads)
    if n_threads:
        os.environ["OMP_NUM_THREADS"] = str(n_threads)  # before the peer's own packages read it
    return named_model(model).open(n_threads or 0)


def _tell_licence(separator: "Separator | Model") -> None:
    from unbraid.separation.separator import Separator

    if not isinstance(separator, Separator):
        typer.echo(f"unbraid: {separator.name}: weights: {separator.licence}", err=True)


def plan_all(files: list[Path], model: str, options: "SongOptions") -> dict[Path, UnbraidError]:
    """Find what will fail before anything is separated.

    Returns:
        The songs that cannot be read, with the reason; the others can go ahead.

    Raises:
        UsageError: two songs would be written to one file, or over a song that is an input.
        OutputError: a file exists already and `options.force` is not set.
    """
    from unbraid.library.song import plan

    failed: dict[Path, UnbraidError] = {}
    owners: dict[str, Path] = {}
    existing: list[Path] = []
    inputs = {_identity(file) for file in files}
    for file in files:
        try:
            targets, _ = plan(file, model, options)
        except UsageError:
            raise
        except UnbraidError as error:
            failed[file] = error
            continue
        for target in targets.values():
            key = _identity(target)
            if key in inputs:
                raise UsageError(f"{target}: is one of the inputs; write elsewhere with -o")
            if key in owners and not options.force:
                raise UsageError(
                    f"{owners[key]} and {file} would both be written to {target}; "
                    "tell them apart with --name, or run them apart with another -o"
                )
            owners[key] = file
            if not options.force and _exists(target):
                existing.append(target)
    if existing:
        more = f" (and {len(existing) - 1} more)" if len(existing) > 1 else ""
        raise OutputError(f"{existing[0]}: exists already{more}; use --force to replace, or -o")
    return failed


def _identity(path: Path) -> str:
    return os.path.normcase(path.absolute())


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # the writer will say what is wrong with the folder
        return False


def _one(
    file: Path, separator: Any, options: "SongOptions", label: str, *, show: bool
) -> "SongResult":
    from unbraid.cli.interrupts import Interrupts
    from unbraid.cli.progress import SongBar
    from unbraid.library.song import separate_song

    with SongBar(label, shown=show) as bar, Interrupts() as interrupts:

        def advance(now: "Progress") -> None:
            bar.show(now)
            # Completing the files comes next, and looks at no event.
            interrupts.is_watched = now.fraction < 1
            if interrupts.cancel.is_set() and not interrupts.is_watched:
                raise Cancelled("cancelled")

        return separate_song(file, separator, options, progress=advance, cancel=interrupts.cancel)


def _tell(result: "SongResult") -> None:
    folder = Path(next(iter(result.paths.values()))).parent
    depth = f" {result.depth}" if result.depth else ""
    print(
        f"{result.source}: {', '.join(result.paths)} in {folder} "
        f"({result.format}{depth}, {result.sample_rate} Hz), {result.audio_s:.1f} s at "
        f"{result.times_real_time:.1f}x real time, sum error {result.sum_error_dbfs:.0f} dBFS"
    )
    if result.gain_db:
        print(f"  all files turned down by {-result.gain_db:.2f} dB, or they would have clipped")
    for warning in result.warnings:
        print(f"  warning: {warning}")


def _complain(file: Path, error: UnbraidError, *, as_json: bool) -> None:
    typer.echo(f"unbraid: {error}", err=True)
    if as_json:
        _print_json({"source": str(file), "error": str(error)})


def _print_json(fields: dict[str, Any]) -> None:
    """One line; JSON has no infinity, so the sum error of an exact sum reads null."""
    finite = {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in fields.items()
    }
    print(json.dumps(finite, ensure_ascii=False))
    sys.stdout.flush()
