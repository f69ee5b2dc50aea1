"""Every audio stream of one file, such as a stem file's mixture and stems."""

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from unbraid.errors import AudioError


def read_streams(path: Path, sample_rate: int = 44_100) -> list[NDArray[np.float32]]:
    """All audio streams, each stereo, float32 (2, n_samples).

    Raises:
        AudioError: it does not decode to its end, or a stream is empty.
    """
    try:
        with av.open(str(path)) as container:
            streams = container.streams.audio
            pieces: dict[int, list[NDArray[np.float32]]] = {s.index: [] for s in streams}
            to_float = {
                s.index: av.AudioResampler(format="fltp", layout="stereo", rate=sample_rate)
                for s in streams
            }
            for packet in container.demux(streams):
                index = packet.stream.index
                for frame in packet.decode():
                    assert isinstance(frame, av.AudioFrame)
                    pieces[index] += [f.to_ndarray() for f in to_float[index].resample(frame)]
            for index, resampler in to_float.items():
                pieces[index] += [f.to_ndarray() for f in resampler.resample(None)]
    except (av.FFmpegError, OSError) as error:
        raise AudioError(f"{path}: does not decode ({error})") from None
    if not pieces or not all(pieces.values()):
        raise AudioError(f"{path}: a stream of it is empty")
    return [np.concatenate(found, axis=1) for found in pieces.values()]
