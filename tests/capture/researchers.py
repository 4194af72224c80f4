"""Networks as researchers write them for a paper or a course: loops over steps, routing, graphs, distances."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class AttendingDecoder(nn.Module):
    """A sequence to a sequence with additive attention, one step of a GRU after the other, with the given targets."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(20, 6)
        self.encoder = nn.GRU(6, 8, batch_first=True)
        self.energy = nn.Linear(16, 8)
        self.score = nn.Linear(8, 1, bias=False)
        self.targets = nn.Embedding(12, 6)
        self.decoder = nn.GRU(14, 8, batch_first=True)
        self.out = nn.Linear(16, 12)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        states, hidden = self.encoder(self.words(source))
        found: list[Tensor] = []
        for t in range(target.shape[1]):
            word = self.targets(target[:, t]).unsqueeze(1)
            last = hidden[-1].unsqueeze(1).repeat(1, states.shape[1], 1)
            energy = torch.tanh(self.energy(torch.cat((last, states), dim=2)))
            weights = F.softmax(self.score(energy).squeeze(2), dim=1).unsqueeze(1)
            context = torch.bmm(weights, states)
            step, hidden = self.decoder(torch.cat((word, context), dim=2), hidden)
            found.append(self.out(torch.cat((step, context), dim=2)).squeeze(1))
        return torch.stack(found, dim=1)


class Characters(nn.Module):
    """A language model of characters, which gives the scores of all places in one axis, and its states."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 6)
        self.lstm = nn.LSTM(6, 8, 2, dropout=0.3, batch_first=True)
        self.fc = nn.Linear(8, 20)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        out, hidden = self.lstm(self.embed(x))
        return self.fc(out.contiguous().view(-1, 8)), hidden


class Documents(nn.Module):
    """Hierarchical attention: words of sentences, and sentences of a document, weighted by a learned vector."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(30, 6)
        self.words = nn.GRU(6, 4, bidirectional=True, batch_first=True)
        self.project = nn.Linear(8, 8)
        self.context = nn.Parameter(torch.randn(8))
        self.sentences = nn.GRU(8, 4, batch_first=True)
        self.out = nn.Linear(4, 3)

    def forward(self, documents: Tensor) -> Tensor:
        batch, sentences, words = documents.shape
        states, _ = self.words(self.embed(documents.view(batch * sentences, words)))
        weights = torch.softmax(torch.tanh(self.project(states)) @ self.context, dim=1)
        vectors = (states * weights.unsqueeze(-1)).sum(1).view(batch, sentences, -1)
        out, _ = self.sentences(vectors)
        return self.out(out[:, -1])


class Capsules(nn.Module):
    """Dynamic routing between capsules, three times."""

    def __init__(self) -> None:
        super().__init__()
        self.primary = nn.Conv2d(1, 8, 5, stride=2)
        self.weight = nn.Parameter(0.1 * torch.randn(1, 18, 5, 6, 4))

    def squash(self, x: Tensor) -> Tensor:
        squares = (x**2).sum(dim=-1, keepdim=True)
        return squares / (1 + squares) * x / (torch.sqrt(squares) + 1e-8)

    def forward(self, x: Tensor) -> Tensor:
        primary = self.squash(self.primary(x).view(len(x), 4, -1).transpose(1, 2))
        votes = torch.matmul(self.weight, primary[:, :, None, :, None]).squeeze(-1)
        logits = torch.zeros(len(x), 18, 5)
        for _ in range(2):
            agreed = self.squash((F.softmax(logits, dim=2).unsqueeze(-1) * votes).sum(dim=1))
            logits = logits + (votes * agreed.unsqueeze(1)).sum(-1)
        last = self.squash((F.softmax(logits, dim=2).unsqueeze(-1) * votes).sum(dim=1))
        return last.norm(dim=-1)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # torch's


class AngularMargin(nn.Module):
    """ArcFace: cosines of vectors and learned classes, with an angle added."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(6, 4)
        self.weight = nn.Parameter(torch.randn(10, 4))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        cosine = F.linear(F.normalize(self.embed(x)), F.normalize(self.weight))
        sine = torch.sqrt((1.0 - torch.pow(cosine, 2)).clamp(1e-6, 1))
        return 30 * (cosine * math.cos(0.5) - sine * math.sin(0.5)), cosine


class Prototypes(nn.Module):
    """Distances of queries to the means of their classes, of as many ways by as many shots."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(6, 4)

    def forward(self, support: Tensor, query: Tensor) -> Tensor:
        return -torch.cdist(self.embed(query), self.embed(support).mean(2))


class RadialKan(nn.Module):
    """A Kolmogorov-Arnold layer whose functions are sums of Gaussians on a grid that does not train."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4)
        self.grid = nn.Parameter(torch.linspace(-2, 2, 8), requires_grad=False)
        self.spline = nn.Linear(32, 3, bias=False)
        self.base = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        bases = torch.exp(-(((self.norm(x)[..., None] - self.grid) / (4 / 7)) ** 2))
        return self.spline(bases.view(*bases.shape[:-2], -1)) + self.base(F.silu(x))


class TwinCritic(nn.Module):
    """Two critics of a state and an action, of which the lower one counts."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))
        self.other = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        both = torch.cat([state, action], 1)
        return torch.minimum(self.one(both), self.other(both))
