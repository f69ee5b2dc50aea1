"""`unbraid separate`: songs to stems."""

import json
import math
import signal
import sys
import threading
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from unbraid.errors import Cancelled, OutputError, UnbraidError, UsageError

Rate = StrEnum("Rate", ["source", "model"])


def separate(
    files: Annotated[list[Path], typer.Argument(help="Songs; videos with sound will do")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder to write to")] = Path(
        "separated"
    ),
    model: Annotated[str | None, typer.Option(help="Model set: a name or a path")] = None,
    stems: Annotated[str | None, typer.Option(help="Only these, as in vocals,drums")] = None,
    two_stems: Annotated[
        str | None, typer.Option(help="This stem and everything but it, as in vocals")
    ] = None,
    mix: Annotated[
        list[str] | None, typer.Option(help='Also a sum, as in "all-vocals"; may be repeated')
    ] = None,
    format_: Annotated[str, typer.Option("--format", help="wav, flac, mp3, m4a or opus")] = "wav",
    depth: Annotated[
        str | None, typer.Option(help="16, 24 or 32f; the source's if not given")
    ] = None,
    rate: Annotated[Rate, typer.Option(help="The source's sample rate, or the model's")] = (
        Rate.source
    ),
    name: Annotated[
        str | None,
        typer.Option(help="Template: {track} {stem} {model} {ext} {title} {artist} {album}"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist")] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="Tiles separated at once")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a song")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only")] = False,
) -> None:
    """Take songs apart into stems that sum to them.

    Rate, depth, tags and cover of the source are kept. If a file that cannot hold more than full
    scale would clip, all files of that song get one common gain, and it is said.
    """
    from unbraid.audio.writer import OutputFormat
    from unbraid.library.naming import DEFAULT_TEMPLATE, check_template
    from unbraid.library.song import SongOptions
    from unbraid.separation.outputs import mix_output, stem_outputs
    from unbraid.separation.outputs import two_stems as stem_and_rest
    from unbraid.separation.separator import Separator

    if two_stems and stems:
        raise UsageError("give --stems or --two-stems, not both")
    if two_stems:
        outputs = stem_and_rest(two_stems)
    elif stems is None and mix:
        outputs = []
    else:
        outputs = stem_outputs(stems)
    outputs += [mix_output(expression) for expression in mix or []]
    if not outputs:
        raise UsageError("nothing to write; name at least one stem")
    options = SongOptions(
        outputs=outputs,
        folder=out,
        template=name or DEFAULT_TEMPLATE,
        format=OutputFormat(format_, depth).name,
        depth=depth,
        rate="source" if rate is Rate.source else "model",
        force=force,
    )
    check_template(options.template)
    separator = Separator(model, n_threads=threads)
    failed = _check_all(files, separator.name, options)
    if failed and len(files) == 1:
        raise failed[files[0]]
    cancel = threading.Event()
    with _Interrupt(cancel), _Bar(show=sys.stderr.isatty() and not (quiet or as_json)) as bar:
        for file in files:
            if file in failed:
                continue
            try:
                result = _one(file, separator, options, bar, cancel)
            except Cancelled:
                raise
            except UnbraidError as error:
                if len(files) == 1:
                    raise
                failed[file] = error
                continue
            if as_json:
                print(json.dumps(_jsonable(asdict(result)), ensure_ascii=False), flush=True)
            elif not quiet:
                _tell(result)
    if failed:
        for error in failed.values():
            print(f"unbraid: {error}", file=sys.stderr)
        raise UnbraidError(f"{len(failed)} of {len(files)} songs failed, see above")


def _one(file: Path, separator: Any, options: Any, bar: "_Bar", cancel: threading.Event) -> Any:
    from unbraid.library.song import separate_song

    return separate_song(file, separator, options, progress=bar.start(file.name), cancel=cancel)


def _check_all(files: list[Path], model: str, options: Any) -> dict[Path, UnbraidError]:
    """Find what will fail before anything is separated; collisions stop everything."""
    from unbraid.library.song import plan

    failed: dict[Path, UnbraidError] = {}
    owners: dict[str, Path] = {}
    for file in files:
        try:
            targets, _ = plan(file, model, options)
        except UsageError:
            raise
        except UnbraidError as error:
            failed[file] = error
            continue
        for target in targets.values():
            # Some file systems do not tell upper from lower case.
            key = str(target.absolute()).casefold()
            if key in owners:
                raise OutputError(
                    f"{owners[key]} and {file} would both be written to {target}; "
                    "separate them one by one into different folders, or use --name"
                )
            owners[key] = file
            if target.exists() and not options.force:
                raise OutputError(f"{target}: exists already; use --force to replace it")
    return failed


def _tell(result: Any) -> None:
    depth = f" {result.depth}" if result.depth else ""
    print(
        f"{result.source}: {len(result.paths)} files in {Path(next(iter(result.paths.values()))).parent} "
        f"({result.format}{depth}, {result.sample_rate} Hz), {result.audio_s:.1f} s at "
        f"{result.times_real_time:.1f}x real time, sum error {result.sum_error_dbfs:.0f} dBFS"
    )
    if result.gain_db:
        print(f"  all files turned down by {-result.gain_db:.2f} dB, or they would have clipped")
    for warning in result.warnings:
        print(f"  warning: {warning}")


def _jsonable(value: Any) -> Any:
    """JSON has no infinity: a sum without any error reads null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _jsonable(v) for key, v in value.items()}
    return value


class _Interrupt:
    """Turns the first Ctrl-C into a clean stop between tiles; the second one is Python's own."""

    def __init__(self, cancel: threading.Event) -> None:
        self._cancel = cancel
        self._before: Any = None

    def __enter__(self) -> None:
        def stop(number: int, frame: Any) -> None:
            self._cancel.set()
            signal.signal(number, signal.default_int_handler)

        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, stop)

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)


class _Bar:
    """One progress bar a song, on a terminal."""

    def __init__(self, *, show: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[eta]}"),
            TextColumn("{task.fields[speed]}"),
            console=Console(stderr=True),
            disable=not show,
            transient=True,
        )

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def start(self, description: str) -> Any:
        """A new bar; gives what `separate` calls with its progress."""
        from rich.markup import escape

        task = self._progress.add_task(escape(description[:40]), total=1.0, eta="", speed="")

        def update(now: Any) -> None:
            eta = "" if now.eta_s is None else f"{now.eta_s:.0f} s left"
            self._progress.update(
                task, completed=now.fraction, eta=eta, speed=f"{now.times_real_time:.1f}x"
            )
            if now.fraction >= 1:
                self._progress.remove_task(task)

        return update
