"""What is known of the adapters that come with us, without importing any of them."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

RESEARCH_ONLY: Final = "personal and research use only"
UNKNOWN: Final = "unknown; ask whoever made the file"


@dataclass(frozen=True, slots=True)
class Shipped:
    """An adapter's facts, for `unbraid models`."""

    usage: str  # what to type after --model
    licence: str  # of the weights it is known for
    packages: tuple[str, ...]  # that it imports
    extra: str | None  # of ours, that installs them

    @property
    def install(self) -> str | None:
        """The command that is missing here, or None."""
        if self.extra is None or all(find_spec(package) for package in self.packages):
            return None
        return f'pip install "unbraid[{self.extra}]"'


SHIPPED: Final = {
    "demucs": Shipped(
        "demucs:FILE (.safetensors, .th, .yaml or .onnx)",
        RESEARCH_ONLY,
        ("torch", "demucs", "safetensors"),
        "peers-demucs",
    ),
    "open-unmix": Shipped(
        "open-unmix:FOLDER",
        "MIT (umxhq) or CC BY-NC-SA 4.0 (umxl), research use only",
        ("torch", "openunmix"),
        "peers-open-unmix",
    ),
    "spleeter": Shipped(
        "spleeter or spleeter:WHEEL", "MIT", ("torch", "safetensors"), "peers-spleeter"
    ),
    "mdx": Shipped("mdx:FILE.onnx,n_fft=6144,stem=vocals", UNKNOWN, (), None),
    "onnx": Shipped("onnx:FILE.onnx,stems=drums+bass+other+vocals", UNKNOWN, (), None),
}
