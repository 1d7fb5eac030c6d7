"""FederatedAveraging as people write it by hand, in PyTorch and in NumPy: what privet is compared with.

    python3 peers.py torch|numpy CLIENTS COHORT EPOCHS BATCH ROUNDS FOLDER

Prints one JSON object: the seconds of each round, evaluation of all test rows included, and the last test accuracy.
Both loops hold the rows as 32-bit floats in memory, train one client after the other on one thread (which is the
fastest for batches this small), and average by the number of rows.
"""

import functools
import gzip
import json
import sys
import time

import numpy

SIZES = [784, 200, 200, 10]
LEARNING_RATE = 0.05


def images(path):
    with gzip.open(path) as file:
        return numpy.frombuffer(file.read(), numpy.uint8, offset=16).reshape(-1, 784).astype(numpy.float32) / 255


def labels(path):
    with gzip.open(path) as file:
        return numpy.frombuffer(file.read(), numpy.uint8, offset=8).astype(numpy.int64)


def rows(folder):
    return (
        images(f"{folder}/train-images-idx3-ubyte.gz"),
        labels(f"{folder}/train-labels-idx1-ubyte.gz"),
        images(f"{folder}/t10k-images-idx3-ubyte.gz"),
        labels(f"{folder}/t10k-labels-idx1-ubyte.gz"),
    )


class Torch:
    """A `torch.nn.Sequential`, `torch.optim.SGD` and a loop."""

    def __init__(self, data):
        import torch

        torch.set_num_threads(1)
        torch.manual_seed(1)
        self.torch = torch
        self.x, self.y, self.test_x, self.test_y = (torch.from_numpy(part) for part in data)
        layers = []
        for inputs, units in zip(SIZES, SIZES[1:]):
            layers += [torch.nn.Linear(inputs, units), torch.nn.ReLU()]
        self.model = torch.nn.Sequential(*layers[:-1])
        self.state = {name: value.clone() for name, value in self.model.state_dict().items()}

    def train(self, rows, epochs, batch, random):
        self.model.load_state_dict(self.state)
        optimizer = self.torch.optim.SGD(self.model.parameters(), lr=LEARNING_RATE)
        for _ in range(epochs):
            order = self.torch.from_numpy(random.permutation(rows))
            for chosen in order.split(batch):
                optimizer.zero_grad()
                loss = self.torch.nn.functional.cross_entropy(self.model(self.x[chosen]), self.y[chosen])
                loss.backward()
                optimizer.step()
        return [value.detach().clone() for value in self.model.state_dict().values()]

    def set(self, values):
        self.state = dict(zip(self.state, values))

    def accuracy(self):
        self.model.load_state_dict(self.state)
        with self.torch.no_grad():
            return (self.model(self.test_x).argmax(1) == self.test_y).float().mean().item()


@functools.cache
def torch_loop(folder):
    """The one of this process."""
    return Torch(rows(folder))


class Numpy:
    """Forward, backward and update written out."""

    def __init__(self, data):
        self.x, self.y, self.test_x, self.test_y = data
        random = numpy.random.default_rng(1)
        self.state = []
        for inputs, units in zip(SIZES, SIZES[1:]):
            limit = (6 / (inputs + units)) ** 0.5
            self.state.append(random.uniform(-limit, limit, (inputs, units)).astype(numpy.float32))
            self.state.append(numpy.zeros(units, numpy.float32))

    def train(self, rows, epochs, batch, random):
        w1, b1, w2, b2, w3, b3 = own = [value.copy() for value in self.state]
        for _ in range(epochs):
            order = random.permutation(rows)
            for start in range(0, len(order), batch):
                chosen = order[start : start + batch]
                x, y = self.x[chosen], self.y[chosen]
                h1 = numpy.maximum(x @ w1 + b1, 0)
                h2 = numpy.maximum(h1 @ w2 + b2, 0)
                z = h2 @ w3 + b3
                d3 = numpy.exp(z - z.max(1, keepdims=True))
                d3 /= d3.sum(1, keepdims=True)
                d3[numpy.arange(len(y)), y] -= 1
                d3 *= LEARNING_RATE / len(y)
                d2 = (d3 @ w3.T) * (h2 > 0)
                d1 = (d2 @ w2.T) * (h1 > 0)
                w3 -= h2.T @ d3
                b3 -= d3.sum(0)
                w2 -= h1.T @ d2
                b2 -= d2.sum(0)
                w1 -= x.T @ d1
                b1 -= d1.sum(0)
        return own

    def set(self, values):
        self.state = values

    def accuracy(self):
        w1, b1, w2, b2, w3, b3 = self.state
        h1 = numpy.maximum(self.test_x @ w1 + b1, 0)
        h2 = numpy.maximum(h1 @ w2 + b2, 0)
        return float(((h2 @ w3 + b3).argmax(1) == self.test_y).mean())


def main(peer, clients, cohort, epochs, batch, rounds, folder):
    data = rows(folder)
    random = numpy.random.default_rng(1)
    shards = numpy.array_split(random.permutation(len(data[1])), clients)
    peer = {"torch": Torch, "numpy": Numpy}[peer](data)
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        chosen = [shards[client] for client in random.choice(clients, cohort, replace=False)]
        total = sum(len(shard) for shard in chosen)
        mean = None
        for shard in chosen:
            share = [value * (len(shard) / total) for value in peer.train(shard, epochs, batch, random)]
            mean = share if mean is None else [old + new for old, new in zip(mean, share)]
        peer.set(mean)
        accuracy = peer.accuracy()
        seconds.append(time.perf_counter() - began)
    print(json.dumps({"seconds": seconds, "accuracy": accuracy}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:7]), sys.argv[7])
