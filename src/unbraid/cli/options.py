"""The options that say what is written, and how: the same wherever songs become stems."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from unbraid.errors import UsageError

if TYPE_CHECKING:
    from unbraid.library.song import SongOptions
    from unbraid.separation.outputs import Output

RATES = ("source", "model")

Out = Annotated[Path, typer.Option("-o", "--out", help="Folder to write to; made if missing.")]
Model = Annotated[
    str | None,
    typer.Option(help="A model's or a peer's name, or a path; see `unbraid models`."),
]
Stems = Annotated[str | None, typer.Option(help="Only these of vocals,drums,bass,other.")]
TwoStems = Annotated[
    str | None, typer.Option(metavar="STEM", help="This stem, and the song without it.")
]
Mix = Annotated[
    list[str] | None,
    typer.Option(metavar="EXPR", help='A sum, as "all-vocals" or "drums+bass"; repeatable.'),
]
Format = Annotated[str, typer.Option("--format", help="wav, flac, mp3, m4a or opus.")]
Depth = Annotated[
    str | None, typer.Option(help="16, 24 or 32f; the source's if not given, 16 if lossy.")
]
StemMp4 = Annotated[
    bool,
    typer.Option(
        "--stem-mp4",
        help="One .stem.mp4 for DJ programs, mixture and four stems, instead of separate files; "
        "AAC, or lossless with --depth.",
    ),
]
Rate = Annotated[str, typer.Option(help="The source's sample rate, or the model's.")]
Name = Annotated[
    str | None,
    typer.Option(
        metavar="TEMPLATE",
        help="From {track} {stem} {model} {ext} {title} {artist} {album}; "
        "{track}/{stem}.{ext} if not given, {track}.{ext} for stem files.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Pieces separated at once; at most 2 if not given.")
]


def song_options(
    *,
    folder: Path,
    stems: str | None,
    two_stems: str | None,
    mixes: list[str] | None,
    file_format: str,
    depth: str | None,
    rate: str,
    name: str | None,
    force: bool,
    stem_mp4: bool = False,
) -> "SongOptions":
    """What the options ask for, checked.

    Raises:
        UsageError: there is no such stem, format, depth, rate or template.
    """
    from unbraid.audio.writer import STEM_MP4, OutputFormat
    from unbraid.library.naming import DEFAULT_TEMPLATE, STEM_FILE_TEMPLATE, check_template
    from unbraid.library.song import SongOptions

    if rate not in RATES:
        raise UsageError(f"no rate {rate!r}; choose from {', '.join(RATES)}")
    if stem_mp4:
        if file_format not in ("wav", STEM_MP4):
            raise UsageError("give --stem-mp4 or --format, not both")
        file_format = STEM_MP4
    is_one = file_format == STEM_MP4
    if is_one and (stems or two_stems or mixes):
        raise UsageError("a stem file holds all stems; leave out --stems, --two-stems and --mix")
    default = STEM_FILE_TEMPLATE if is_one else DEFAULT_TEMPLATE
    options = SongOptions(
        outputs=_outputs(stems, two_stems, mixes or []),
        folder=folder,
        template=default if name is None else name,
        format=OutputFormat(file_format, depth).name,
        depth=depth,
        rate=cast(Literal["source", "model"], rate),
        force=force,
    )
    check_template(options.template, n_files=1 if is_one else len(options.outputs))
    return options


def _outputs(stems: str | None, two_stems: str | None, mixes: list[str]) -> list[Any]:
    """What is to be written; --mix alone means only that."""
    from unbraid.separation.outputs import mix_output, stem_outputs
    from unbraid.separation.outputs import two_stems as stem_and_rest

    if two_stems and stems:
        raise UsageError("give --stems or --two-stems, not both")
    if two_stems:
        outputs = stem_and_rest(two_stems)
    else:
        outputs = [] if stems is None and mixes else stem_outputs(stems)
    outputs += [mix_output(expression) for expression in mixes]
    if not outputs:
        raise UsageError("nothing to write; name at least one stem")
    names = [output.name for output in outputs]
    for output in names:
        if names.count(output) > 1:
            raise UsageError(f"{output} is asked for twice; name it once")
    return outputs


def possible(
    outputs: "list[Output]", model: str, given: Sequence[str], *, asked: bool
) -> "list[Output]":
    """Outputs without the stems that a model does not give, unless somebody asked for them.

    Raises:
        UsageError: an output needs a stem that the model does not give.
    """
    from unbraid.stems import STEMS

    known = {*given, "other"}  # what no stem claims
    absent = set(STEMS) - known
    chosen = [output for output in outputs if asked or output.name not in absent]
    for output in chosen:
        lacking = absent.intersection(re.findall("[a-z]+", output.name))
        if lacking:
            names = ", ".join(stem for stem in STEMS if stem in known)
            raise UsageError(f"{model} gives no {min(lacking)}; it gives {names}")
    return chosen
