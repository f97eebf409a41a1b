"""Which sources of randomness the files of a project use and do not seed, as far as can be read."""

from __future__ import annotations

import ast

import pytest

from reprun.runner.probe_random import Randomness


def unseeded(*texts: str) -> list[str]:
    randomness = Randomness()
    for number, text in enumerate(texts):
        randomness.add(f"{number}.py", ast.parse(text))
    return [library for library, _ in randomness.unseeded()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import random\nx = random.random()\n", ["random"]),
        ("import random\nrandom.seed(1)\nx = random.random()\n", []),
        ("from random import choice\ndef f(): return choice('ab')\n", ["random"]),
        ("import random\nr = random.Random(3)\n", []),
        ("import random\nr = random.Random()\n", ["random"]),
        ("import numpy as np\nnp.random.rand()\n", ["numpy"]),
        ("import numpy as np\nnp.random.seed(0)\nnp.random.rand()\n", []),
        ("from numpy.random import default_rng\ndefault_rng().random()\n", ["numpy"]),
        ("from numpy.random import default_rng\ndefault_rng(3).random()\n", []),
        ("import numpy as np\nnp.zeros(3)\n", []),
        ("import torch\n", ["torch"]),
        ("from torch import nn\n", ["torch"]),
        ("import torch\ntorch.manual_seed(1)\n", []),
        ("import tensorflow as tf\n", ["tensorflow"]),
        ("from tensorflow import keras\nkeras.utils.set_random_seed(1)\n", []),
        ("import tensorflow as tf\ntf.random.set_seed(1)\n", []),
        ("import jax\njax.random.normal(jax.random.PRNGKey(0))\n", []),
        ("import jax\njax.random.normal(key)\n", ["jax"]),
        ("from sklearn.ensemble import RandomForestClassifier\nRandomForestClassifier()\n", ["sklearn"]),
        ("from sklearn.ensemble import RandomForestClassifier as R\nR(random_state=1)\n", []),
        ("from sklearn.ensemble import RandomForestClassifier as R\nR(**how)\n", []),
        ("from sklearn.linear_model import LinearRegression\nLinearRegression()\n", []),
        ("import random, os\nseed = os.environ['REPRUN_SEED_PYTHON']\nrandom.random()\n", []),
        ("import random\nfix_seeds(1)\nrandom.random()\n", []),
        ("import lightning as L\nimport torch\nL.seed_everything(1)\n", []),
    ],
)
def test_one_file(text: str, expected: list[str]) -> None:
    assert unseeded(text) == expected


def test_a_seed_in_another_file_counts() -> None:
    assert unseeded("import random\nrandom.random()\n", "import numpy as np\n") == ["random"]
    assert unseeded("import random\nrandom.random()\n", "import random\nrandom.seed(3)\n") == []
    assert unseeded("from sklearn.cluster import KMeans\nKMeans(3)\n", "import numpy\nnumpy.random.seed(3)\n") == []
