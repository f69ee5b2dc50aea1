"""One small sound file of every container and codec, and one of everything else that is read."""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import soundfile

from tests.audio.recordings import FORMATS, music, record
from tests.models_made import write_set
from unbraid.audio.encoder import STEM_MP4, Encoder, OutputFormat
from unbraid.audio.stem_mp4 import StemMp4Encoder
from unbraid.audio.tags import Tags
from unbraid.library.jobs import JobLog
from unbraid.library.rows import LoggedFile
from unbraid.library.source import Source, file_digest

KINDS = ("sound", "stems", "model", "log", "playlist", "card")
"""Songs; stem files' manifests; model files; job logs; playlists; models' cards."""

LENGTH_S = 0.4


def make_corpus(folder: Path) -> dict[str, list[Path]]:
    """Write the corpus below a folder; every file by its kind."""
    files = {kind: folder / kind for kind in KINDS}
    for place in files.values():
        place.mkdir(parents=True)
    _sounds(files["sound"])
    encoder = StemMp4Encoder(files["stems"] / "song.stem.mp4", OutputFormat(STEM_MP4), 44_100)
    encoder.write(np.stack([music(4_410, 44_100, seed=n) for n in range(4)]) / 4)
    encoder.close()
    (model,) = write_set(folder / "tiny").glob("*.onnx")
    model.rename(files["model"] / "tiny.onnx")
    _log(files["log"])
    _playlists(files["playlist"])
    from unbraid.models.session import read_card

    card = read_card(files["model"] / "tiny.onnx").to_json()
    (files["card"] / "card.json").write_text(card)
    return {kind: sorted(path for path in place.iterdir()) for kind, place in files.items()}


def _sounds(folder: Path) -> None:
    for name, recipe in FORMATS.items():
        samples = music(round(LENGTH_S * recipe.rate), recipe.rate)
        record(folder / f"{name}.{recipe.extension}", samples, recipe)
    quiet = music(round(LENGTH_S * 22_050), 22_050, n_channels=6)
    # What libsndfile writes and FFmpeg reads; of 6 channels, which are mixed down.
    for name, form, subtype in (
        ("rf64.wav", "RF64", "PCM_16"),
        ("adpcm.wav", "WAV", "IMA_ADPCM"),
        ("gsm.wav", "WAV", "GSM610"),
        ("alaw.wav", "WAV", "ALAW"),
        ("double.wav", "WAVEX", "DOUBLE"),
        ("pcm.w64", "W64", "PCM_24"),
        ("pcm.au", "AU", "PCM_16"),
        ("float.aifc", "AIFF", "FLOAT"),
        ("pcm.caf", "CAF", "PCM_16"),
        ("alac.caf", "CAF", "ALAC_16"),
        ("surround.flac", "FLAC", "PCM_16"),
    ):
        n_channels = 1 if subtype in ("IMA_ADPCM", "GSM610") else 6
        soundfile.write(folder / name, quiet[:n_channels].T, 22_050, subtype=subtype, format=form)
    tags = Tags({"title": "Ænima 🎸", "artist": "x" * 300, "comment": "two\nlines"}, _png())
    for name, depth in (("flac", "24"), ("mp3", None), ("m4a", None), ("opus", None)):
        output = OutputFormat(name, depth)
        encoder = Encoder(folder / f"tagged.{name}", output, output.nearest_rate(44_100), tags)
        encoder.write(music(9_000, 44_100))
        encoder.close()
    ogg = folder / "vorbis.ogg"
    (folder / "chained.ogg").write_bytes(2 * ogg.read_bytes())


def _png() -> bytes:
    """A cover of 4 x 4 red points."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    head = struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0)
    rows = (b"\0" + b"\xff\0\0" * 4) * 4
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def _log(folder: Path) -> None:
    out = folder.parent / "out"
    song = Path("/music/song.mp3")
    with JobLog(out) as log:
        staging = log.staging / "0"
        staging.mkdir(parents=True)
        files = []
        for number in range(4):
            path = staging / f"{number}.wav"
            path.write_text(f"stem {number}")
            status, digest = path.stat(), file_digest(path)
            files.append(
                LoggedFile(
                    *(Path("song") / path.name, song, str(number), "content", "work"),
                    *(status.st_size, status.st_mtime_ns, digest, path.relative_to(out)),
                )
            )
        log.remember(song, Source("1 2 3 4", "content", json.dumps({"title": "Song"})))
        log.note(song, "work", "done", {"audio_s": 1.0})
        log.publish(files)
    (out / ".unbraid" / "jobs.sqlite").rename(folder / "jobs.sqlite")


def _playlists(folder: Path) -> None:
    entries = "#EXTM3U\r\n#EXTINF:1,Ænima\r\ndisc 1\\a.wav\r\nfile:///music/b%20c.mp3\n../d.flac\n"
    (folder / "windows.m3u8").write_bytes(b"\xef\xbb\xbf" + entries.encode())
    (folder / "old.m3u").write_bytes(entries.encode("cp1252"))
    (folder / "web.m3u8").write_text(
        "http://host/a.mp3\nrtmp://x\nfile://host/a\nb.m3u8\n~/c.mp3\n"
    )
