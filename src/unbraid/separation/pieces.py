"""A track through a peer: whole songs at once, as peers want them, long ones in pieces."""

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import Cancelled, ModelError, UnbraidError
from unbraid.separation.model import Model
from unbraid.separation.offline import Progress, Report, Source
from unbraid.stems import STEMS

Samples = NDArray[np.float32]

PIECE_S = 600.0
"""A song up to this length is given to a peer as it is; memory is bounded by it."""
CONTEXT_S = 10.0
FADE_S = 1.0


def separate_pieces(
    track: Source,
    model: Model,
    sink: Callable[[Samples], None],
    *,
    progress: Callable[[Progress], None] | None = None,
    cancel: threading.Event | None = None,
    piece_s: float = PIECE_S,
) -> Report:
    """Separate a track into four stems that sum to it.

    Whatever no stem of the model's claims goes to `other`; stems it does not give are silent.
    Tracks longer than `piece_s` go in pieces with 10 s of context on both sides, of which 1 s
    fades into the neighbour.

    Args:
        track: at the model's sample rate; read once, straight through.
        model: a peer.
        sink: called in order, in this thread, with float32 (4, 2, n) until the track's end.
        progress: called in this thread after each piece; a peer does not tell how far it is.
        cancel: set it to stop; what the peer is at is left to itself.
        piece_s: seconds of a piece.

    Returns:
        What was done.

    Raises:
        ModelError: the model fails, or gives anything but stems of the track.
        Cancelled: `cancel` was set; the sink has had part of the song.
    """
    rate = model.sample_rate
    n_piece, n_context = round(piece_s * rate), round(CONTEXT_S * rate)
    n_fade = min(round(FADE_S * rate), n_piece, n_context)
    rise = ((np.arange(n_fade) + 0.5) / n_fade).astype(np.float32)
    wall_s, cpu_s = time.monotonic(), time.process_time()
    held = np.zeros((2, 0), np.float32)  # the track from `held_from` on
    held_from = n_done = n_pieces = 0
    tail: Samples | None = None  # faded stems that the next piece begins with
    error = np.float32(0)
    blocks, ended = iter(track.blocks()), False
    while True:
        n_ahead = n_done + n_piece + n_context
        parts, n_held = [held], held_from + held.shape[-1]
        while n_held < n_ahead and not ended:
            block = next(blocks, None)
            ended = block is None
            if block is not None:
                parts.append(block)
                n_held += block.shape[-1]
        held = np.concatenate(parts, axis=-1)
        # A short rest is no piece of its own.
        end = n_held if ended else n_done + n_piece
        if end > n_done:
            found = _in_thread(model, held, cancel)
            overhang = 0 if ended else n_fade
            stems = _four(model, found[..., n_done - held_from : end + overhang - held_from])
            mixture = held[:, n_done - held_from : end - held_from]
            if tail is not None:
                stems[..., :n_fade] = tail + stems[..., :n_fade] * rise
            if overhang:
                tail = stems[..., -n_fade:] * (1 - rise)
            stems = stems[..., : end - n_done]
            np.subtract(mixture, stems[:-1].sum(axis=0), out=stems[-1])
            error = max(error, np.abs(stems.sum(axis=0) - mixture).max(initial=0))
            sink(stems)
            n_done, n_pieces = end, n_pieces + 1
        if progress is not None:
            progress(_progress(n_done, max(track.n_samples, n_done), rate, wall_s, ended=ended))
        if ended:
            break
        held_from = max(0, n_done - n_context)
        held = held[:, held.shape[-1] - (n_held - held_from) :].copy()
    return Report(
        n_samples=n_done,
        n_tiles=n_pieces,
        audio_s=n_done / rate,
        wall_s=time.monotonic() - wall_s,
        cpu_s=time.process_time() - cpu_s,
        sum_error_dbfs=20 * math.log10(float(error)) if error > 0 else -math.inf,
        warnings=tuple(track.warnings),
    )


def _four(model: Model, found: Samples) -> Samples:
    """A model's stems in the places of all four."""
    stems = np.zeros((len(STEMS), *found.shape[1:]), np.float32)
    for stem, samples in zip(model.stems, found, strict=True):
        stems[STEMS.index(stem)] = samples
    return stems


def checked_stems(model: Model, samples: Samples) -> Samples:
    """What a model gives, if it is stems of these samples.

    Raises:
        ModelError: it fails, or gives another shape, NaN or infinity; one line that names it.
    """
    try:
        found = np.asarray(model.separate(samples))
    except UnbraidError:
        raise
    except Exception as error:  # a peer may raise anything
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{model.name}: fails: {type(error).__name__}: {reason}") from error
    expected = (len(model.stems), *samples.shape)
    if found.shape != expected:
        raise ModelError(f"{model.name}: gives an array of {found.shape}, not {expected}")
    for stem, part in zip(model.stems, found, strict=True):
        if not np.isfinite(part).all():
            raise ModelError(f"{model.name}: gives NaN or infinity in {stem}")
    return found.astype(np.float32, copy=False)


def _in_thread(model: Model, samples: Samples, cancel: threading.Event | None) -> Samples:
    """The peer beside this thread, which can then be cancelled; it ends with the program."""
    future: Future[Samples] = Future()

    def run() -> None:
        try:
            future.set_result(checked_stems(model, samples))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name=f"peer {model.name}", daemon=True).start()
    while True:
        if cancel is not None and cancel.is_set():
            raise Cancelled("cancelled")
        try:
            return future.result(timeout=0.1)
        except TimeoutError:
            if future.done():
                raise


def _progress(n_done: int, n_total: int, rate: int, started_s: float, *, ended: bool) -> Progress:
    elapsed_s = max(1e-6, time.monotonic() - started_s)
    return Progress(
        fraction=1.0 if ended else min(0.999, n_done / max(1, n_total)),
        done_s=n_done / rate,
        total_s=n_total / rate,
        eta_s=elapsed_s * (n_total - n_done) / n_done if n_done else None,
        times_real_time=n_done / rate / elapsed_s,
    )
