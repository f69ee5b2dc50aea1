"""The four stems: their names, their order, their colours."""

from typing import Final

STEMS: Final = ("vocals", "drums", "bass", "other")
"""Every array with a stem axis has it in this order."""

COLOURS: Final = {
    "vocals": "#CC79A7",
    "drums": "#D55E00",
    "bass": "#009E73",
    "other": "#56B4E9",
}
"""Okabe and Ito's colours (2008), told apart by colour-blind readers as well."""
