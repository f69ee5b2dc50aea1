"""What is asked of several nets."""

import numpy as np
import torch

from unbraid.models.session import Graph, read_card
from unbraid.training.estimate import given_shape
from unbraid.training.export import export_set


def worst_graph_error_db(recipe, folder):
    """Of a recipe's untrained graphs against torch, on noise of the loudness of music."""
    torch.manual_seed(0)
    net = recipe.build().eval()
    with torch.no_grad():  # Untrained nets give next to nothing but a half.
        for parameter in net.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    spec = recipe.spec
    noise = 20 * torch.randn(1, *given_shape(net, spec, spec.n_frames))
    if net.input_kind == "magnitude":
        noise = noise.abs()
    with torch.inference_mode():
        expected = net(noise)[0].numpy()
    errors_db = []
    for file in export_set(net, recipe, folder):
        card = read_card(file)
        wanted = expected[[net.stems.index(stem) for stem in card.stems]]
        error = Graph(file, card)(noise[0].numpy()) - wanted
        errors_db.append(10 * np.log10(np.square(error).sum() / np.square(wanted).sum()))
    return max(errors_db)


def made_example(spec, n_frames):
    """Mixture (1, 2, n_bins, n_frames) and the four stems' shares of it, each in its own place:
    notes for vocals and the rest, beats across all bins for drums, lows for bass."""
    generator = torch.Generator().manual_seed(0)
    mixture = torch.rand(1, 2, spec.n_bins, n_frames, generator=generator) * 10 + 1
    bins, frames = torch.arange(spec.n_bins)[:, None], torch.arange(n_frames)
    owner = torch.where((bins // 8 + frames // 16) % 2 == 0, 0, 3)
    owner = torch.where(bins < 8, 2, owner)
    owner = torch.where(frames % 8 == 0, 1, owner)
    shares = torch.stack([(owner == i).float() for i in range(4)])
    return mixture, shares.expand(1, 2, 4, *owner.shape).transpose(1, 2)


def error_after(net, mixture, targets, n_steps, rate=5e-3):
    """Mean squared error of power ratio masks against shares: before, and after training."""
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, betas=(0.9, 0.99))
    errors = []
    for _ in range(n_steps + 1):
        power = net(mixture).square() + 1e-10
        error = (power / power.sum(dim=1, keepdim=True) - targets).square().mean()
        errors.append(error.item())
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
    return errors[0], errors[-1]


def mask_errors(net, spec, n_steps, rate=5e-3):
    """The same of a net of spectra to masks, on `made_example`."""
    mixture, shares = made_example(spec, spec.n_frames)
    spectrum = torch.cat([mixture, torch.zeros_like(mixture)], dim=2)
    spectrum = spectrum.reshape(1, *given_shape(net, spec, spec.n_frames))
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, betas=(0.9, 0.99))
    errors = []
    for _ in range(n_steps + 1):
        error = (net(spectrum) - shares).square().mean()
        errors.append(error.item())
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
    return errors[0], errors[-1]
