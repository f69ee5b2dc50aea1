"""`unbraid data pack` and `unbraid data unpack`: pools as files for a machine without a network."""

import re
import statistics
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from unbraid.errors import TrainingError, UsageError

UNITS = {
    "": 1,
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
CODECS = ("vorbis", "flac")


def size(text: str) -> int:
    """Bytes, from a text such as 60MiB."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([kKMG]?i?B?)", text.strip())
    if found is None or found[2] not in UNITS or not float(found[1]):
        raise UsageError(f"{text}: no size; write a number and one of {', '.join(list(UNITS)[1:])}")
    return int(float(found[1]) * UNITS[found[2]])


def pack(
    pools: Annotated[Path, typer.Argument(help="Folder of the pools.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the shards.")],
    limit: Annotated[str, typer.Option(help="Size of a shard, at most.")] = "60MiB",
    fit: Annotated[
        str | None,
        typer.Option(help="Size of all shards, at most: excerpts, the most valuable first."),
    ] = None,
    hours: Annotated[
        float | None, typer.Option(min=0.01, help="Hours of stems, at most; likewise.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="What it is for: the weights of its sources choose.")
    ] = None,
    codec: Annotated[str, typer.Option(help="vorbis, or lossless flac.")] = "vorbis",
    quality: Annotated[float, typer.Option(min=0, max=1, help="Of vorbis.")] = 0.4,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Threads; all cores if not given.")
    ] = None,
) -> None:
    """Write pools as compressed shards, each of use by itself.

    `unbraid train --data SHARDS` takes them as they are.
    """
    if codec not in CODECS:
        raise UsageError(f"no codec {codec!r}; choose from {', '.join(CODECS)}")
    n_limit, n_fit = size(limit), None if fit is None else size(fit)
    try:
        from unbraid.training.data.pack import Packed
        from unbraid.training.data.pack import pack as pack_pools

        weights = {}
        if recipe is not None:
            from unbraid.training.recipe import load_recipe

            weights = load_recipe(recipe).source_weights
    except ModuleNotFoundError as error:
        raise TrainingError(f"{error.name} is missing: pip install 'unbraid[train]'") from None
    console = Console(stderr=True, highlight=False)
    shown = 0

    def show(packed: Packed) -> None:
        nonlocal shown
        if len(packed.shards) > shown:
            shown = len(packed.shards)
            console.print(
                f"{packed.shards[-1]}  {packed.shards[-1].stat().st_size / 2**20:.1f} MiB"
            )

    packed = pack_pools(
        pools,
        out,
        limit=n_limit,
        fit=n_fit,
        hours=hours,
        codec="flac" if codec == "flac" else "vorbis",
        quality=quality,
        source_weights=weights,
        jobs=jobs,
        progress=show,
    )
    for name, seconds in (*packed.seconds.items(), *packed.source_seconds.items()):
        console.print(f"{seconds / 3600:6.2f} h  {name}")
    loss = "lossless"
    if codec == "vorbis":
        loss = f"SDR against the original {statistics.median(packed.sdr_db):.1f} dB (median)"
    n_shards = len(packed.shards)
    typer.echo(
        f"{n_shards} shard{'s' * (n_shards != 1)}, {packed.n_bytes / 2**20:.1f} MiB, "
        f"{packed.mb_per_hour:.1f} MB for an hour of a stem, {loss}; in {out}"
    )


def unpack(
    shards: Annotated[Path, typer.Argument(help="Folder of the shards.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the pools.")],
) -> None:
    """Decode shards to pools in another place than beside them, such as a memory disk."""
    from unbraid.training.data.manifest import read_manifest
    from unbraid.training.data.shards import unpacked

    pools = unpacked(shards, out)
    typer.echo(f"{len(read_manifest(pools))} files in {pools}")
