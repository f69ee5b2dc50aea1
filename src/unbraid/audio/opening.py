"""Opening a file's sound: every check that comes before a sample is decoded."""

from pathlib import Path

import av

from unbraid.errors import AudioError

_NOT_MEDIA = {  # demuxers that open other files, devices or networks, or turn any text into media
    *("concat", "hls", "dash", "sdp", "rtsp", "rtp", "lavfi", "image2", "ffmetadata", "imf"),
    *("tty", "webvtt", "srt", "ass", "alsa", "oss", "fbdev", "x11grab", "vapoursynth"),
}
_LOWEST_RATE, _HIGHEST_RATE = 1_000, 768_000  # Hz
_MOST_CHANNELS = 64
_ENCRYPTED_TAGS = {"drms", "drmi", "enca", "encv", "aavd", "p608"}


def open_audio(path: Path) -> tuple[av.container.InputContainer, av.AudioStream]:
    """Open a file and choose its sound.

    Args:
        path: the file; only local files are ever opened, also by playlists inside them.

    Returns:
        The open container and its best audio stream.

    Raises:
        AudioError: missing, a folder, empty, no media, without sound, encrypted, or with a header
            that cannot be true. The message names the file and the remedy.
    """
    _check_file(path)
    try:
        container = av.open(
            f"file:{path.absolute()}",
            "r",
            options={"protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    except av.FFmpegError as error:
        raise AudioError(
            f"{path}: not a sound or video file, or damaged at its start ({error.strerror}); "
            "play it elsewhere to check, and convert it to wav or flac if it does"
        ) from error
    try:
        return container, _choose_stream(path, container)
    except BaseException:
        container.close()
        raise


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise AudioError(f"{path}: is a folder; name a file in it")
        if not path.exists():
            raise AudioError(f"{path}: no such file; check the spelling and the folder")
        if not path.is_file():
            raise AudioError(f"{path}: is not a regular file; copy the sound into one")
        if path.stat().st_size == 0:
            raise AudioError(f"{path}: is empty (0 bytes); copy or download it again")
        with path.open("rb"):
            pass
    except OSError as error:
        raise AudioError(f"{path}: {error.strerror}; check its name and permissions") from error


def _choose_stream(path: Path, container: av.container.InputContainer) -> av.AudioStream:
    if set(container.format.name.split(",")) & _NOT_MEDIA:
        raise AudioError(f"{path}: is a {container.format.name} text, not sound; name a sound file")
    if not container.streams.audio:
        raise AudioError(f"{path}: has no sound in it; choose a file with an audio track")
    stream = container.streams.best("audio") or container.streams.audio[0]
    context = stream.codec_context
    if context is None:
        raise AudioError(f"{path}: its sound is in a codec that cannot be decoded; convert it")
    if _codec_tag(context) in _ENCRYPTED_TAGS:
        raise AudioError(f"{path}: is encrypted (DRM); use a copy without protection")
    rate, n_channels = context.sample_rate, context.layout.nb_channels
    if not rate and not n_channels:
        raise AudioError(f"{path}: nothing in it decodes as sound; is it really a sound file?")
    if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        raise AudioError(f"{path}: claims a sample rate of {rate} Hz; the header is damaged")
    if not 1 <= n_channels <= _MOST_CHANNELS:
        raise AudioError(f"{path}: claims {n_channels} channels; the header is damaged")
    return stream


def _codec_tag(context: av.AudioCodecContext) -> str:
    """What the container calls the codec; nothing if that is no text, as in a damaged header."""
    try:
        tag: str = context.codec_tag
    except UnicodeDecodeError:
        return ""
    return tag.lower()
