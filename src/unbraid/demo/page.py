"""The demo's page: one HTML file that holds its sound, its pictures and its mixer."""

from pathlib import Path
from typing import Final

import unbraid
from unbraid.demo.clip import ALBUM, ARTIST, LICENCE, TITLE
from unbraid.demo.run import GENERATOR, Demo, as_m4a
from unbraid.pages.picture import spectrogram_png
from unbraid.pages.template import (
    BASE_STYLE,
    Html,
    as_url,
    fill,
    frequency_labels,
    grid_lines,
    join,
    number,
    time_labels,
)
from unbraid.stems import COLOURS, STEMS

_LOOKS: Final = Path(__file__).parent / "looks"
_WIDTH, _HEIGHT = 760, 224  # pixels of a picture
_GREY: Final = "#9aa0a6"  # the mixture's colour
_TICKS_S: Final = 4


def render(demo: Demo) -> str:
    """The whole page, about 10 MB: sound as AAC, pictures as PNG, both in base64.

    It fetches nothing. Without JavaScript the browser's own players stand under the pictures.
    """
    clip = demo.clip
    waves = {"mixture": clip.mixture}
    for stem, separated, true in zip(STEMS, demo.stems, clip.stems, strict=True):
        waves |= {stem: separated, f"true {stem}": true}
    sounds = as_m4a(waves, clip.sample_rate)

    def take(name: str, caption: str, key: str) -> Html:
        colour = COLOURS.get(name.removeprefix("true "), _GREY)
        png = spectrogram_png(waves[name], clip.sample_rate, colour, width=_WIDTH, height=_HEIGHT)
        return fill(
            _LOOKS / "take.html",
            key=key,
            caption=caption,
            label=f"{name}, spectrogram",
            picture=as_url("image/png", png),
            sound=as_url("audio/mp4", sounds[name]),
            lines=grid_lines(demo.report.audio_s, _TICKS_S),
        )

    rows = [
        fill(
            _LOOKS / "stem.html",
            stem=stem,
            number=str(digit),
            colour=COLOURS[stem],
            level=number(figures.level_dbfs, 1),
            true_level=number(figures.true_level_dbfs, 1),
            sdr=number(figures.usdr_db, 1),
            baseline=number(figures.baseline_db, 1),
            frequencies=frequency_labels(),
            separated=take(stem, "separated", "separated"),
            true=take(f"true {stem}", "true stem", "true"),
        )
        for digit, (stem, figures) in enumerate(demo.figures.items(), start=1)
    ]
    report = demo.report
    return fill(
        _LOOKS / "page.html",
        generator=f"{GENERATOR} {unbraid.__version__}",
        title=TITLE,
        artist=ARTIST,
        album=ALBUM,
        clip_licence=LICENCE,
        duration=f"{report.audio_s:.1f}",
        model=demo.model,
        weights_licence=demo.licence,
        wall=f"{report.wall_s:.1f}",
        speed=f"{demo.times_real_time:.1f}",
        error=number(report.sum_error_dbfs, 0),
        frequencies=frequency_labels(),
        mixture=take("mixture", "mixture", "mixture"),
        rows=join(rows),
        times=time_labels(report.audio_s, _TICKS_S),
        style=Html(BASE_STYLE + (_LOOKS / "page.css").read_text(encoding="utf-8")),
        script=Html((_LOOKS / "page.js").read_text(encoding="utf-8")),
    )
