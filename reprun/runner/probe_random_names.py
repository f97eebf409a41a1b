"""What libraries call the functions that seed, the objects that have a seed of their own, and what draws through NumPy."""

from __future__ import annotations

_KERAS = ("tensorflow.keras.utils.set_random_seed", "keras.utils.set_random_seed")  # Python, NumPy and TensorFlow
SEEDED_BY = {
    "random": ("random.seed", "random.setstate", *_KERAS),
    "numpy": ("numpy.random.seed", "numpy.random.set_state", *_KERAS),
    "torch": ("torch.manual_seed", "torch.random.manual_seed", "torch.set_rng_state", "torch.random.set_rng_state"),
    "tensorflow": ("tensorflow.random.set_seed", "tensorflow.set_random_seed", "tensorflow.compat.v1.set_random_seed", *_KERAS),
    "jax": ("jax.random.PRNGKey", "jax.random.key", "jax.random.wrap_key_data"),
}
# Generators of one's own: what is made without a seed is another one each time, whatever else is seeded.
OWN = (
    "random.Random", "numpy.random.default_rng", "numpy.random.RandomState", "numpy.random.SeedSequence", "numpy.random.PCG64",
    "numpy.random.PCG64DXSM", "numpy.random.MT19937", "numpy.random.Philox", "numpy.random.SFC64",
)  # fmt: skip
NEVER = ("random.SystemRandom", "tensorflow.random.Generator.from_non_deterministic_state")  # no seed reaches these
NEUTRAL = ("random.getstate", "numpy.random.Generator", "numpy.random.get_state", "jax.random.split", "jax.random.fold_in")
OF_RUNS = {
    "REPRUN_SEED_PYTHON": "random", "REPRUN_SEED_NUMPY": "numpy", "REPRUN_SEED_TORCH": "torch",
    "REPRUN_SEED_TENSORFLOW": "tensorflow", "REPRUN_SEED_JAX": "jax",
}  # fmt: skip
LIBRARIES = (*SEEDED_BY, "sklearn")
_NO_SEEDING = ("get", "parse", "read", "load", "draw", "next", "find", "derive", "spawn", "check", "print", "log", "save")
_TAKES_STATE = {
    "train_test_split", "shuffle", "resample", "permutation_importance", "ShuffleSplit", "StratifiedShuffleSplit",
    "GroupShuffleSplit", "RepeatedKFold", "RepeatedStratifiedKFold", "RandomizedSearchCV", "HalvingRandomSearchCV",
    "ParameterSampler",
    "KMeans", "MiniBatchKMeans", "BisectingKMeans", "SpectralClustering", "GaussianMixture", "BayesianGaussianMixture",
    "MLPClassifier", "MLPRegressor", "BernoulliRBM", "SGDClassifier", "SGDRegressor", "SGDOneClassSVM", "Perceptron",
    "PassiveAggressiveClassifier", "PassiveAggressiveRegressor", "LinearSVC", "LinearSVR", "RANSACRegressor", "TheilSenRegressor",
    "TSNE", "NMF", "MiniBatchNMF", "FastICA", "TruncatedSVD", "LatentDirichletAllocation", "DictionaryLearning", "RBFSampler",
    "Nystroem", "GaussianRandomProjection", "SparseRandomProjection", "IsolationForest", "RandomTreesEmbedding",
    "DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor", "BaggingClassifier",
    "BaggingRegressor", "AdaBoostClassifier", "AdaBoostRegressor",
}  # fmt: skip
_STATE_ENDS = (
    "ForestClassifier",
    "ForestRegressor",
    "BoostingClassifier",
    "BoostingRegressor",
    "TreesClassifier",
    "TreesRegressor",
)
_MAKES_NOTHING = ("make_pipeline", "make_union", "make_scorer", "make_column_transformer", "make_column_selector")
_FOLDS = ("KFold", "StratifiedKFold", "StratifiedGroupKFold")  # with shuffle=True only


def takes_state(name: str) -> bool:
    """Whether that of scikit-learn draws from NumPy's global generator, unless it is given a `random_state`."""
    return name in _TAKES_STATE or name.endswith(_STATE_ENDS) or (name.startswith("make_") and name not in _MAKES_NOTHING)


def takes_state_when_shuffling(name: str) -> bool:
    """Whether it does so with `shuffle=True`."""
    return name in _FOLDS


def seeds_all(name: str) -> bool:
    """Whether a function of that name most likely seeds whatever there is: `seed_everything`, `set_global_seed`, `fix_seeds`."""
    last = name.lower().lstrip("_")
    return ("seed" in last and not last.startswith(_NO_SEEDING) and not name[:1].isupper()) or last == "enable_determinism"
