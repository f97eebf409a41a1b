"""Trains a small neural network on 1,797 handwritten digits, 8 x 8 pixels each. Needs only PyYAML."""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import math
import os
import random
from collections.abc import Iterator
from operator import mul
from typing import Any

import yaml

DECAY = 1.0  # the learning rate is multiplied by this after each epoch
DIGITS = 10


def scale(pixels: list[int]) -> list[float]:
    """The inputs of the network for one image."""
    return [value / 16 for value in pixels]


class Network:
    """One hidden layer of tanh units and a softmax; each example moves the weights a little."""

    def __init__(self, inputs: int, hidden: int, rng: random.Random) -> None:
        self.first = [[rng.gauss(0, inputs**-0.5) for _ in range(inputs + 1)] for _ in range(hidden)]
        self.second = [[rng.gauss(0, hidden**-0.5) for _ in range(hidden + 1)] for _ in range(DIGITS)]

    def forward(self, x: list[float]) -> tuple[list[float], list[float]]:
        """The hidden layer and the probability of each digit; `x` ends in the constant 1."""
        hidden = [math.tanh(sum(map(mul, row, x))) for row in self.first] + [1.0]
        scores = [sum(map(mul, row, hidden)) for row in self.second]
        top = max(scores)
        powers = [math.exp(score - top) for score in scores]
        total = sum(powers)
        return hidden, [power / total for power in powers]

    def learn(self, x: list[float], digit: int, rate: float) -> float:
        """One step of gradient descent on one example; returns its loss."""
        hidden, chances = self.forward(x)
        errors = [chance - (index == digit) for index, chance in enumerate(chances)]
        for unit, row in enumerate(self.first):
            back = sum(error * out[unit] for error, out in zip(errors, self.second, strict=True))
            step = rate * back * (1 - hidden[unit] ** 2)
            row[:] = [weight - step * value for weight, value in zip(row, x, strict=True)]
        for error, out in zip(errors, self.second, strict=True):
            out[:] = [weight - rate * error * value for weight, value in zip(out, hidden, strict=True)]
        return -math.log(max(chances[digit], 1e-12))

    def guess(self, x: list[float]) -> int:
        """The most probable digit."""
        _, chances = self.forward(x)
        return chances.index(max(chances))


def read_digits(path: str) -> Iterator[tuple[list[float], int]]:
    """Every image as inputs (ending in the constant 1), and the digit that it shows."""
    with gzip.open(path, "rt") as lines:
        for row in csv.reader(lines):
            *pixels, digit = (int(float(value)) for value in row)
            yield [*scale(pixels), 1.0], digit


def log(**values: float) -> None:
    """One line of metrics for reprun, if it is there to read them."""
    if path := os.environ.get("REPRUN_METRICS"):
        with open(path, "a") as metrics:
            metrics.write(json.dumps(values) + "\n")


def train(config: dict[str, Any], output: str, rng: random.Random) -> None:
    """Trains, reports after each epoch, and writes the weights and the guesses for the held-out quarter."""
    digits = list(read_digits("data/digits.csv.gz"))
    rng.shuffle(digits)
    cut = len(digits) // 4
    held_out, examples = digits[:cut], digits[cut:]
    network, rate = Network(len(digits[0][0]) - 1, config["hidden"], rng), config["lr"]
    print(f"{len(examples)} digits, {config['hidden']} hidden units, learning rate {rate}, decay {DECAY}")
    for epoch in range(1, config["epochs"] + 1):
        rng.shuffle(examples)
        loss = sum(network.learn(x, digit, rate) for x, digit in examples) / len(examples)
        accuracy = sum(network.guess(x) == digit for x, digit in held_out) / cut
        print(f"epoch {epoch:2}  loss {loss:.4f}  accuracy {accuracy:.4f}", flush=True)
        log(step=epoch, loss=loss, accuracy=accuracy)
        rate *= DECAY
    with open(os.path.join(output, "weights.json"), "w") as weights:
        json.dump({"first": network.first, "second": network.second}, weights)
    with open(os.path.join(output, "predictions.csv"), "w") as predictions:
        predictions.writelines(f"{digit},{network.guess(x)}\n" for x, digit in held_out)


def main() -> None:
    """Reads the command line and the config."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="conf/base.yaml")
    parser.add_argument("--output", default="outputs")
    options = parser.parse_args()
    with open(options.config) as text:
        config = yaml.safe_load(text)
    os.makedirs(options.output, exist_ok=True)
    seed = int(os.environ.get("REPRUN_SEED", "0"))
    train(config, options.output, random.Random(seed))  # noqa: S311 - to be repeated, not to be secret


if __name__ == "__main__":
    main()
