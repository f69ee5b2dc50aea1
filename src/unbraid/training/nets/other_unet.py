"""The net of version 0.1b for what is left: a small U-Net that is shown the other three stems.

The post: "Because the player uses the source phase to reconstruct the signal, it is better to
calculate the other stem in the frequency domain too. This is done with a small Unet (again) that
receives all the separated stems plus the input, and predicts the rest."

The stems are shown as they are: no gradient goes back through them (see `forward`). They answer for
themselves, as the post's nets, trained one after the other, do; and the magnitudes' compression,
steep near nothing, would send back gradients of thousands from where a stem is silent.
"""

import torch
from torch import Tensor, nn

from unbraid.training.nets.net import Entrance
from unbraid.training.nets.small_unet import SmallUNet


class OtherUNet(nn.Module):
    """Three stems and the mixture to a linear picture of the rest.

    forward: the mixture as the entrance gives it (batch, 2, n_bins, n_frames), and magnitudes
    (batch, 3, 2, n_bins, n_frames) of the stems, to (batch, 2, n_bins, n_frames).
    """

    def __init__(self, n_channels: int, n_stems: int, filters: tuple[int, ...]) -> None:
        super().__init__()
        self.unet = SmallUNet((1 + n_stems) * n_channels, n_channels, filters)

    def forward(self, image: Tensor, stems: Tensor, entrance: Entrance) -> Tensor:
        # The example sizes in the comments are those of 1024 bins by 192 frames.
        with torch.no_grad():
            # By the mixture's own measure, so that equal magnitudes look equal.
            shown = [entrance(stem) for stem in stems.unbind(1)]  # (batch, 2, 1024, 192) each
        rest: Tensor = self.unet(torch.cat([image, *shown], dim=1))  # (batch, 2, 1024, 192)
        return rest
