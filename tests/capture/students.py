"""Networks as students write them for an exercise: functions, shapes by hand, lists that are run through."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Digits(nn.Module):
    """The example of torch's own repository: functions between layers, and a `view` with the batch's size."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, kernel_size=5)
        self.conv2 = nn.Conv2d(10, 20, kernel_size=5)
        self.conv2_drop = nn.Dropout2d()
        self.fc1 = nn.Linear(320, 50)
        self.fc2 = nn.Linear(50, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2_drop(self.conv2(x)), 2))
        x = x.view(x.size(0), -1)
        x = F.relu(self.fc1(x))
        x = F.dropout(x, training=self.training)
        x = self.fc2(x)
        return F.log_softmax(x, dim=1)


class Configured(nn.Module):
    """Layers that a loop over a list of widths makes: `nn.Sequential(*layers)`."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = 3
        for out in (16, 16, "M", 32, 32, "M", 64, "M"):
            if isinstance(out, str):
                layers += [nn.MaxPool2d(2, 2)]
            else:
                layers += [nn.Conv2d(width, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU(inplace=True)]
                width = out
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(64 * 4 * 4, 10)

    def forward(self, x: Tensor) -> Tensor:
        out = self.features(x)
        out = out.view(out.size(0), -1)
        return self.classifier(out)


class Branches(nn.Module):
    """Convolutions of several sizes side by side, joined by `torch.cat`."""

    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.branch1 = nn.Conv2d(width, 8, 1)
        self.branch3_1 = nn.Conv2d(width, 8, 1)
        self.branch3_2 = nn.Conv2d(8, 16, 3, padding=1)
        self.branch_pool = nn.Conv2d(width, 8, 1)
        self.fc = nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        branch1 = self.branch1(x)
        branch3 = self.branch3_2(self.branch3_1(x))
        branch_pool = F.avg_pool2d(x, kernel_size=3, stride=1, padding=1)
        branch_pool = self.branch_pool(branch_pool)
        x = F.relu(torch.cat([branch1, branch3, branch_pool], dim=1))
        x = F.adaptive_avg_pool2d(x, 1)
        return self.fc(torch.flatten(x, 1))


class Residuals(nn.Module):
    """Residuals in a loop over an `nn.ModuleList`."""

    def __init__(self) -> None:
        super().__init__()
        self.input = nn.Linear(20, 64)
        self.layers = nn.ModuleList([nn.Linear(64, 64) for _ in range(4)])
        self.norms = nn.ModuleList([nn.LayerNorm(64) for _ in range(4)])
        self.output = nn.Linear(64, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.input(x)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = x + F.relu(layer(norm(x)))
        return self.output(x)


class Sentiment(nn.Module):
    """A GRU that reads in both directions; its last states are classified."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 16, padding_idx=0)
        self.gru = nn.GRU(16, 24, num_layers=2, batch_first=True, bidirectional=True, dropout=0.3)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(48, 2)

    def forward(self, x: Tensor) -> Tensor:
        embedded = self.dropout(self.embedding(x))
        _, hidden = self.gru(embedded)
        hidden = torch.cat((hidden[-2, :, :], hidden[-1, :, :]), dim=1)
        return self.fc(self.dropout(hidden))


class LastStep(nn.Module):
    """An LSTM with zeros for its first states, written out; the last step is classified."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden_size = 32
        self.num_layers = 2
        self.lstm = nn.LSTM(28, 32, 2, batch_first=True)
        self.fc = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        h0 = torch.zeros(self.num_layers, x.size(0), self.hidden_size).to(x.device)
        c0 = torch.zeros(self.num_layers, x.size(0), self.hidden_size).to(x.device)
        out, _ = self.lstm(x, (h0, c0))
        return self.fc(out[:, -1, :])


class Siamese(nn.Module):
    """One tower for two pictures, and their distance."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.fc = nn.Sequential(nn.Linear(16 * 5 * 5, 64), nn.ReLU(), nn.Linear(64, 32))
        self.out = nn.Linear(32, 1)

    def forward_once(self, x: Tensor) -> Tensor:
        output = self.cnn(x)
        output = output.view(output.size()[0], -1)
        return self.fc(output)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        output1 = self.forward_once(input1)
        output2 = self.forward_once(input2)
        return torch.sigmoid(self.out(torch.abs(output1 - output2)))


class Variational(nn.Module):
    """A variational autoencoder, which draws numbers with `randn_like`."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(784, 400)
        self.fc21 = nn.Linear(400, 20)
        self.fc22 = nn.Linear(400, 20)
        self.fc3 = nn.Linear(20, 400)
        self.fc4 = nn.Linear(400, 784)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z: Tensor) -> Tensor:
        h3 = F.relu(self.fc3(z))
        return torch.sigmoid(self.fc4(h3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encode(x.view(-1, 784))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


class Autoencoder(nn.Module):
    """Two chains, the picture flattened in between and put together again."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU()
        )
        self.fc_enc = nn.Linear(32 * 7 * 7, 16)
        self.fc_dec = nn.Linear(16, 32 * 7 * 7)
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(32, 16, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 1, 3, stride=2, padding=1, output_padding=1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.encoder(x)
        x = x.view(x.size(0), -1)
        z = self.fc_enc(x)
        x = F.relu(self.fc_dec(z))
        x = x.view(-1, 32, 7, 7)
        return self.decoder(x)


class EinsumAttention(nn.Module):
    """Attention of heads by einsum with names."""

    def __init__(self, embed_size: int = 32, heads: int = 4) -> None:
        super().__init__()
        self.embed_size = embed_size
        self.heads = heads
        self.head_dim = embed_size // heads
        self.values = nn.Linear(embed_size, embed_size)
        self.keys = nn.Linear(embed_size, embed_size)
        self.queries = nn.Linear(embed_size, embed_size)
        self.fc_out = nn.Linear(embed_size, embed_size)

    def forward(self, values: Tensor, keys: Tensor, query: Tensor) -> Tensor:
        n = query.shape[0]
        value_len, key_len, query_len = values.shape[1], keys.shape[1], query.shape[1]
        values = self.values(values).reshape(n, value_len, self.heads, self.head_dim)
        keys = self.keys(keys).reshape(n, key_len, self.heads, self.head_dim)
        queries = self.queries(query).reshape(n, query_len, self.heads, self.head_dim)
        energy = torch.einsum("nqhd,nkhd->nhqk", [queries, keys])
        attention = torch.softmax(energy / (self.embed_size ** (1 / 2)), dim=3)
        out = torch.einsum("nhql,nlhd->nqhd", [attention, values]).reshape(n, query_len, self.heads * self.head_dim)
        return self.fc_out(out)


class SqueezeExcite(nn.Module):
    """Channels weighted by a small network, with `view` to and fro."""

    def __init__(self, channels: int = 16, reduction: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, channels, 3, padding=1)
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(
            nn.Linear(channels, channels // reduction, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(channels // reduction, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        b, c, _, _ = x.size()
        y = self.avg_pool(x).view(b, c)
        y = self.fc(y).view(b, c, 1, 1)
        return x * y.expand_as(x)


class TextConvolutions(nn.Module):
    """Convolutions of several widths over words, the largest of each, joined: Kim 2014 as it is written everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 20)
        self.convs = nn.ModuleList([nn.Conv2d(1, 8, (size, 20)) for size in (3, 4, 5)])
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(24, 2)

    def forward(self, text: Tensor) -> Tensor:
        embedded = self.embedding(text)
        embedded = embedded.unsqueeze(1)
        conved = [F.relu(conv(embedded)).squeeze(3) for conv in self.convs]
        pooled = [F.max_pool1d(conv, conv.shape[2]).squeeze(2) for conv in conved]
        cat = self.dropout(torch.cat(pooled, dim=1))
        return self.fc(cat)
