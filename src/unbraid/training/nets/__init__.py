"""Architectures: a file each, the paper or the seed's paragraph named on top."""

from unbraid.training.nets.net import NetConfig
from unbraid.training.nets.unet import UNetConfig

KINDS: dict[str, type[NetConfig]] = {
    "unet": UNetConfig,
}
"""Sizes of each kind of net, by its name in recipes."""
