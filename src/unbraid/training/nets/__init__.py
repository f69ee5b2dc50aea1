"""Architectures: a file each, the paper or the seed's paragraph named on top."""

from unbraid.training.nets.band_rnn import BandRNNConfig
from unbraid.training.nets.band_unet import BandUNetConfig
from unbraid.training.nets.d3net import D3NetConfig
from unbraid.training.nets.d3net_small import D3NetSmallConfig
from unbraid.training.nets.net import NetConfig
from unbraid.training.nets.pix2pix import Pix2PixConfig
from unbraid.training.nets.scnet_small import SCNetSmallConfig
from unbraid.training.nets.strands import StrandsConfig
from unbraid.training.nets.transformer import TransformerConfig
from unbraid.training.nets.unet import UNetConfig
from unbraid.training.nets.v0_1b import V01bConfig
from unbraid.training.nets.wave_unet import WaveUNetConfig

KINDS: dict[str, type[NetConfig]] = {
    "pix2pix": Pix2PixConfig,
    "wave-unet": WaveUNetConfig,
    "unet": UNetConfig,
    "band-unet": BandUNetConfig,
    "d3net": D3NetConfig,
    "d3net-small": D3NetSmallConfig,
    "transformer": TransformerConfig,
    "0.1b": V01bConfig,
    "strands": StrandsConfig,
    "band-rnn": BandRNNConfig,
    "scnet-small": SCNetSmallConfig,
}
"""Sizes of each kind of net, by its name in recipes."""
