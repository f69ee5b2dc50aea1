"""What a file says about itself: its tags and its cover picture."""

import base64
import struct
from dataclasses import dataclass, field

import av

_STREAM_OWN = {"language", "handler_name", "vendor_id", "encoder", "creation_time"}
_CONTAINER_OWN = {"major_brand", "minor_version", "compatible_brands", "encoder", "creation_time"}
_MIME = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png", b"GIF8": "image/gif"}
_PICTURE_CODECS = {"image/jpeg": "mjpeg", "image/png": "png"}
_LARGEST_COVER = 64 * 2**20  # bytes
_WIDEST_COVER = 65_535  # points, as JPEG counts them


@dataclass(frozen=True)
class Tags:
    """Tags as the file spells them, and the front cover's bytes, untouched."""

    fields: dict[str, str] = field(default_factory=dict)
    cover: bytes | None = None
    cover_mime: str | None = None


def image_type(picture: bytes) -> str | None:
    """The MIME type that a picture's first bytes tell; None if it is no JPEG, PNG, GIF or WebP."""
    for start, mime in _MIME.items():
        if picture.startswith(start):
            return mime
    return "image/webp" if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP" else None


def read_tags(container: av.container.InputContainer, stream: av.AudioStream) -> Tags:
    """Collect tags and cover from an open file.

    Containers keep tags for the whole file (mp3, flac, m4a) or for the stream (ogg, opus); both
    are taken, the file's own first. What only describes the container's make is left out.
    """
    fields = {k: v for k, v in container.metadata.items() if k.lower() not in _CONTAINER_OWN}
    for key, value in stream.metadata.items():
        if key.lower() not in _STREAM_OWN:
            fields.setdefault(key, value)
    cover = _read_cover(container)
    return Tags(fields, cover, image_type(cover) if cover else None)


def _read_cover(container: av.container.InputContainer) -> bytes | None:
    for stream in container.streams:
        if stream.type == "attachment" and (stream.mimetype or "").startswith("image/"):
            return bytes(stream.data)
    for stream in container.streams.video:
        if av.stream.Disposition.attached_pic in stream.disposition:
            try:
                for packet in container.demux(stream):
                    if 0 < packet.size <= _LARGEST_COVER:
                        return bytes(packet)
                    break
            except av.FFmpegError:
                return None
    return None


def write_tags(
    container: av.container.OutputContainer, stream: av.AudioStream, name: str, tags: Tags
) -> None:
    """Give a file its tags and cover; starts its encoding, so no stream can be added later.

    Every format but wav carries the cover, byte for byte, if it is a sound JPEG or PNG. Free-form
    tags survive in flac, opus and mp3; wav and m4a keep those that their standard knows.
    """
    target = stream.metadata if name == "opus" else container.metadata
    target.update(tags.fields)
    mime = image_type(tags.cover) if tags.cover else None
    width, height = _picture_size(tags.cover or b"")
    if tags.cover is None or mime not in _PICTURE_CODECS or name == "wav" or not width * height:
        container.start_encoding()
    elif name == "opus":
        block = _flac_picture(tags.cover, mime)
        stream.metadata["METADATA_BLOCK_PICTURE"] = base64.b64encode(block).decode("ascii")
        container.start_encoding()
    else:
        picture = container.add_mux_stream(_PICTURE_CODECS[mime], width=width, height=height)
        picture.disposition = av.stream.Disposition.attached_pic
        container.start_encoding()
        packet = av.Packet(tags.cover)
        packet.stream = picture
        packet.pts = packet.dts = 0
        packet.is_keyframe = True
        container.mux_one(packet)


def _flac_picture(picture: bytes, mime: str) -> bytes:
    """A picture as FLAC and Ogg keep it (RFC 9639, section 8.8): type 3, the front cover."""
    width, height = _picture_size(picture)
    kind = mime.encode("ascii")
    head = struct.pack(">II", 3, len(kind)) + kind + struct.pack(">I", 0)
    return head + struct.pack(">IIIII", width, height, 24, 0, len(picture)) + picture


def _picture_size(picture: bytes) -> tuple[int, int]:
    """Width and height of a PNG or JPEG; (0, 0) if they cannot be found or be true."""
    width, height = _claimed_size(picture)
    return (width, height) if max(width, height) <= _WIDEST_COVER else (0, 0)


def _claimed_size(picture: bytes) -> tuple[int, int]:
    if picture.startswith(b"\x89PNG") and len(picture) >= 24:
        width, height = struct.unpack(">II", picture[16:24])
        return int(width), int(height)
    at = 2
    while at + 9 < len(picture) and picture[at] == 0xFF:
        marker, length = picture[at + 1], int.from_bytes(picture[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", picture[at + 5 : at + 9])
            return int(width), int(height)
        at += 2 + length
    return 0, 0
