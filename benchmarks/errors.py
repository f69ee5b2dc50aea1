"""Where a stem's error comes from: what was lost of it, what of each other stem was let in.

    python benchmarks/errors.py SONGS strands=weights/strands.safetensors --stem bass

Prints, by song and by stretch of frequencies (or, with --sections, of time), per cents of the
stem's whole energy: its own share, the error, and the four parts that sum to the error. With real
masks m the error is m X - S = (m - 1) S + m (the others); a part is the real inner product of the
error and its term. The song is in tiles side by side, as in `together.py`.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import torch
from tiles import FRAMES_AT_ONCE, judged, load_net
from torch import Tensor

from unbraid.evaluation.panel import songs
from unbraid.stems import STEMS
from unbraid.training.losses import Targets
from unbraid.training.trainer import prepare_process

EDGES_HZ = (0, 70, 110, 160, 250, 400, 700, 1500)


def parts(masks: Tensor, targets: Targets, index: int) -> Tensor:
    """Energies of a stem, its error and the error's four parts.

    Args:
        masks: real, (n, 4, 2, n_bins, n_frames).
        targets: of the same tiles.
        index: of the stem.

    Returns:
        (n, 6, n_bins).
    """
    mask, stem = masks[:, index], targets.stems[:, index]
    error = mask * targets.spectrum[:, 0] - stem
    terms = mask[:, None] * targets.stems
    terms[:, index] = (mask - 1) * stem
    shares = (terms * error.conj()[:, None]).real
    energies = torch.stack([stem.abs().square(), error.abs().square()], dim=1)
    return torch.cat([energies, shares], dim=1).sum(dim=(2, 4))


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("songs", type=Path)
    parser.add_argument("net", metavar="RECIPE=WEIGHTS")
    parser.add_argument("--stem", choices=STEMS, default="bass")
    parser.add_argument("--seconds", type=int, help="of each song; else all of it")
    parser.add_argument("--sections", action="store_true", help="by some 18 s of time instead")
    arguments = parser.parse_args()
    prepare_process()
    net, recipe = load_net(arguments.net)
    spec, index = recipe.spec, STEMS.index(arguments.stem)
    bins = [round(edge * spec.n_fft / spec.sample_rate) for edge in EDGES_HZ] + [spec.n_bins]
    heads = ["itself", "error", *(f"of {stem}" for stem in STEMS)]
    heads[2 + index] = "lost"
    for song in songs(arguments.songs):
        stems = torch.from_numpy(song.stems)
        if arguments.seconds:
            stems = stems[..., : arguments.seconds * spec.sample_rate]
        pairs = judged(net, recipe, stems, spec.n_frames)
        found = [parts(masks, targets, index).sum(dim=0) for masks, targets in pairs]
        energies = torch.stack(found).double()  # (sections, 6, n_bins)
        whole = energies.sum(dim=(0, 2))
        print(f"{song.name}: {arguments.stem} {10 * torch.log10(whole[0] / whole[1]):.2f} dB")
        print(f"{'% of its energy':>16}", *(f"{head:>10}" for head in heads))
        if arguments.sections:
            seconds = FRAMES_AT_ONCE // spec.n_frames * spec.n_samples / spec.sample_rate
            rows = [(f"from {i * seconds:.0f} s", e.sum(-1)) for i, e in enumerate(energies)]
        else:
            spans = zip(pairwise((*EDGES_HZ, spec.sample_rate // 2)), pairwise(bins), strict=True)
            rows = [
                (f"{a} to {b} Hz", energies[..., first:end].sum(dim=(0, 2)))
                for (a, b), (first, end) in spans
            ]
        for label, row in [*rows, ("all", whole)]:
            print(f"{label:>16}", *(f"{x:10.1f}" for x in 100 * row / whole[0]))


if __name__ == "__main__":
    main()
