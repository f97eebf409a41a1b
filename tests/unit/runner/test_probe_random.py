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
        ("import random\nr = random.Random()\n", ["random.Random"]),
        ("import random\nr = random.Random(3)\nrandom.random()\n", ["random"]),
        ("import random\nrandom.seed(3)\nr = random.Random(None)\n", ["random.Random"]),
        ("import random\nrandom.seed()\nrandom.random()\n", ["random"]),
        ("import random\nrandom.seed(3)\nrandom.SystemRandom().random()\n", ["random.SystemRandom"]),
        ("import numpy as np\nr = np.random.default_rng(1)\nnp.random.shuffle(x)\n", ["numpy"]),
        ("import numpy as np\nnp.random.seed(1)\nr = np.random.default_rng(seed=None)\n", ["numpy.random.default_rng"]),
        ("import numpy as np\nr = np.random.Generator(np.random.PCG64())\n", ["numpy.random.PCG64"]),
        ("import numpy.random as r\nr.Generator(r.PCG64(7)).random()\n", []),
        ("import random, numpy as np, gym\nenv = gym.make('x')\nenv.seed(1)\nrandom.random()\n", ["random"]),
        ("import random\nseed = get_seed()\nrandom.random()\n", ["random"]),
        ("import random\nself.set_seeds(1)\nrandom.random()\n", []),
        ("import os, random, torch\nrandom.seed(int(os.environ['REPRUN_SEED_PYTHON']))\nrandom.random()\n", ["torch"]),
        ("import random, numpy, keras\nkeras.utils.set_random_seed(1)\nnumpy.random.rand(random.random())\n", []),
        ("from sklearn.model_selection import KFold\nKFold(5)\n", []),
        ("from sklearn.model_selection import KFold\nKFold(5, shuffle=True)\n", ["sklearn"]),
        ("from sklearn.cluster import KMeans\nKMeans(3, random_state=None)\n", ["sklearn"]),
        ("import sklearn.datasets\nsklearn.datasets.make_blobs()\n", ["sklearn"]),
        ("import numpy as np\nnp.random.rand()\n", ["numpy"]),
        ("import numpy as np\nnp.random.seed(0)\nnp.random.rand()\n", []),
        ("from numpy.random import default_rng\ndefault_rng().random()\n", ["numpy.random.default_rng"]),
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
