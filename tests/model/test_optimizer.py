"""What a step does: Muon and SGD, sharpness-aware minimisation, the average."""

import pytest
import torch
from torch import Tensor
from torchvision.models import ResNet

from model.network import build_network
from model.train import make_optimizer
from model.training.ema import Average
from model.training.optimizer import as_matrix
from model.training.recipe import Recipe
from model.training.sam import climb, descend


def channels_last_network() -> ResNet:
    return build_network().to(memory_format=torch.channels_last)


def test_every_parameter_is_learned_by_one_of_the_two_optimizers() -> None:
    network = channels_last_network()
    optimizer = make_optimizer(network, Recipe())
    decayed, spared = optimizer.sgd.param_groups
    assert decayed["weight_decay"] == Recipe.weight_decay
    assert spared["weight_decay"] == 0
    assert {id(p) for p in decayed["params"]} == {
        id(network.conv1.weight),
        id(network.fc.weight),
    }
    assert {p.ndim for p in spared["params"]} == {1}
    learned = [*optimizer.kernels, *decayed["params"], *spared["params"]]
    assert {id(p) for p in learned} == {id(p) for p in network.parameters()}
    assert len(learned) == len(list(network.parameters()))


def test_muon_turns_kernels_evenly_and_keeps_their_norm() -> None:
    network = channels_last_network()
    optimizer = make_optimizer(network, Recipe(peak_lr=0.1))
    kernel = network.layer2[0].conv2.weight
    before = kernel.detach().clone()
    before *= 128**0.5 / before.norm()
    network(torch.rand(2, 3, 16, 16)).sum().backward()
    optimizer.step(0.0)  # at no learning rate only the norm is set
    assert torch.allclose(kernel, before, atol=1e-6)
    optimizer.step(1.0)
    assert kernel.norm().item() == pytest.approx(128**0.5, rel=1e-5)
    change = as_matrix((kernel - before).detach())
    assert 0.02 < change.norm() / before.norm() < 0.2
    gradient = as_matrix(kernel.grad)
    # Strong directions of the gradient do not drown the weak ones.
    assert evenness(change) > 3 * evenness(gradient)


def evenness(matrix: Tensor) -> float:
    """Smallest over largest singular value: 1 turns every direction alike."""
    singular = torch.linalg.svdvals(matrix)
    return float(singular[-1] / singular[0])


def test_without_muon_every_weight_decays_under_sgd() -> None:
    network = channels_last_network()
    optimizer = make_optimizer(network, Recipe(muon=False, sgd_lr=0.1))
    decayed, spared = optimizer.sgd.param_groups
    assert {p.ndim for p in decayed["params"]} == {2, 4}
    assert {p.ndim for p in spared["params"]} == {1}
    assert optimizer.kernels == []
    assert set(optimizer.state_dict()) == {"sgd"}
    kernel = network.layer2[0].conv2.weight
    before = kernel.detach().clone()
    network(torch.rand(2, 3, 16, 16)).sum().backward()
    optimizer.step(1.0)
    step = -0.1 * 1.9 * (kernel.grad + Recipe.weight_decay * before)  # Nesterov's first
    assert torch.allclose(kernel - before, step, atol=1e-6)


def test_climbing_moves_uphill_by_the_radius_and_descending_undoes_it() -> None:
    network = channels_last_network()
    parameters = list(network.parameters())
    images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    loss = network(images).logsumexp(1).sum()
    loss.backward()
    before = [p.detach().clone() for p in parameters]
    moves = climb(parameters, 0.05)
    moved = [p.detach() - old for p, old in zip(parameters, before, strict=True)]
    assert torch.nn.utils.get_total_norm(moved).item() == pytest.approx(0.05, rel=1e-3)
    assert network(images).logsumexp(1).sum() > loss
    descend(parameters, moves)
    for parameter, old in zip(parameters, before, strict=True):
        assert torch.allclose(parameter, old, atol=1e-7)


def test_the_average_follows_weights_and_statistics() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    average = Average(network, decay=0.75)
    with torch.no_grad():
        network[0].weight.fill_(4.0)
        average.module[0].weight.fill_(0.0)
        network[1].running_mean.fill_(8.0)
    average.update()
    assert torch.equal(average.module[0].weight, torch.full((2, 2), 1.0))
    assert torch.equal(average.module[1].running_mean, torch.full((2,), 2.0))
    average.update()
    assert torch.equal(average.module[0].weight, torch.full((2, 2), 1.75))
    assert torch.equal(network[0].weight, torch.full((2, 2), 4.0))
    assert not average.module[0].weight.requires_grad
