"""Watches random, NumPy's global generator, PyTorch and TensorFlow for numbers that are drawn before a seed was given, and
generators of one's own that are made without one.

The functions that draw are replaced until the first of them is called by something outside of the standard library, or a seed is
given: then the real ones are put back, and it costs nothing any more. One line for each source goes to `$REPRUN_EVENTS`. What
draws behind those functions (compiled code, the generator object itself) is noticed at the end by the state of the generator.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
from functools import partial

from _reprun_imports import AfterImport  # type: ignore[import-not-found]  # see sitecustomize.py

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, ModuleType
    from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

_HERE = os.path.abspath(__file__)
_STANDARD = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_PACKAGES = tuple(os.sep + name + os.sep for name in ("site-packages", "dist-packages"))
_SEEDS = {
    "random": ("seed", "setstate"),
    "numpy.random": ("seed", "set_state"),
    "torch": ("manual_seed", "set_rng_state"),
    "tensorflow": ("set_seed",),
}
_DRAWS = {
    "random": (
        "random", "uniform", "triangular", "randint", "choice", "randrange", "sample", "shuffle", "choices", "normalvariate",
        "lognormvariate", "expovariate", "vonmisesvariate", "gammavariate", "gauss", "betavariate", "paretovariate",
        "weibullvariate", "getrandbits", "randbytes", "binomialvariate",
    ),
    "numpy.random": (
        "beta", "binomial", "bytes", "chisquare", "choice", "dirichlet", "exponential", "f", "gamma", "geometric", "gumbel",
        "hypergeometric", "laplace", "logistic", "lognormal", "logseries", "multinomial", "multivariate_normal",
        "negative_binomial", "noncentral_chisquare", "noncentral_f", "normal", "pareto", "permutation", "poisson", "power",
        "rand", "randint", "randn", "random", "random_integers", "random_sample", "ranf", "rayleigh", "sample", "shuffle",
        "standard_cauchy", "standard_exponential", "standard_gamma", "standard_normal", "standard_t", "triangular", "uniform",
        "vonmises", "wald", "weibull", "zipf",
    ),
    "torch": (
        "rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "bernoulli", "multinomial", "normal",
        "poisson", "dropout",
    ),
    "tensorflow": (  # of tensorflow.random
        "uniform", "normal", "truncated_normal", "shuffle", "categorical", "gamma", "poisson", "get_global_generator",
        "fixed_unigram_candidate_sampler", "learned_unigram_candidate_sampler", "log_uniform_candidate_sampler",
        "uniform_candidate_sampler",
    ),
}  # fmt: skip


class Source:
    """One generator: its functions while they are replaced, and its state as it was."""

    def __init__(self, name: str, module: ModuleType, state: "Optional[Callable[[], Any]]") -> None:
        self.name, self.module, self.state = name, module, state
        self.pid = os.getpid()
        self.is_settled = False  # seeded, or reported
        self.real: "List[Tuple[Any, str, Any]]" = []
        self.first = self._look()
        for word in _SEEDS[name]:
            self._replace(module, word, self._seeding)
        for word in _DRAWS[name]:
            self._replace(module, word, self._drawing)

    def add(self, module: Any, words: Sequence[str]) -> None:
        """More functions that draw from it."""
        for word in words:
            self._replace(module, word, self._drawing)

    def settle(self) -> None:
        """Puts the real functions back; those that were taken by `from … import` before go on through ours."""
        self.is_settled = True
        for module, word, function in self.real:
            setattr(module, word, function)
        del self.real[:]

    def at_the_end(self) -> None:
        """Reports a generator that moved though none of its functions was called."""
        if self.is_settled or self.state is None or self.pid != os.getpid():
            return
        now = self._look()
        if self.name != "random" and now is not None and now != self.first:  # the standard library moves the other one itself
            report(self.name, "the generator", None)

    def _look(self) -> Any:
        if self.state is None or self.name == "random":
            return None
        try:
            return repr(self.state())
        except Exception:
            return None

    def _replace(self, module: Any, word: str, wrap: "Callable[[str, Any], Any]") -> None:
        function = getattr(module, word, None)
        if callable(function) and not isinstance(function, type):
            self.real.append((module, word, function))
            try:
                setattr(module, word, wrap(word, function))
            except (AttributeError, TypeError):
                self.real.pop()

    def _seeding(self, word: str, function: Any) -> Any:
        def seed(*args: Any, **kwargs: Any) -> Any:
            given = args[0] if args else next(iter(kwargs.values()), None)
            if given is not None:
                self.settle()
            return function(*args, **kwargs)

        return _like(seed, function)

    def _drawing(self, word: str, function: Any) -> Any:
        def draw(*args: Any, **kwargs: Any) -> Any:
            if not self.is_settled and not _has_generator(kwargs):
                place = caller()
                if place is not None:
                    self.settle()
                    report(self.name, word, place)
            return function(*args, **kwargs)

        return _like(draw, function)


def start() -> None:
    """Says that this process is watched, and waits for the libraries."""
    _write({"event": "watching", "pid": os.getpid()})
    wanted: "Dict[str, Callable[[ModuleType], object]]" = {
        "random": _random, "numpy.random": _numpy, "torch": _torch, "tensorflow": _tensorflow,
    }  # fmt: skip
    AfterImport(wanted).install()


def _random(module: ModuleType) -> None:
    Source("random", module, None)
    watch_own(module)


def _tensorflow(module: Any) -> None:
    Source("tensorflow", module.random, None)  # which Keras seeds through, too
    generator: Any = getattr(module.random, "Generator", None)
    real = getattr(generator, "from_non_deterministic_state", None)
    if real is not None:
        generator.from_non_deterministic_state = staticmethod(_fresh(real, "tensorflow", "from_non_deterministic_state", False))


def _numpy(module: Any) -> None:
    source = Source("numpy.random", module, getattr(module, "get_state", None))
    atexit.register(source.at_the_end)
    real = getattr(module, "default_rng", None)
    if real is not None:
        module.default_rng = _like(_fresh(real, "numpy.random", "default_rng"), real)


def _torch(module: Any) -> None:
    state = getattr(module, "get_rng_state", None)
    source = Source("torch", module, (lambda: state().tolist()) if state is not None else None)
    source.add(getattr(getattr(module, "nn", None), "init", None), ("uniform_", "normal_", "kaiming_uniform_", "kaiming_normal_",
        "xavier_uniform_", "xavier_normal_", "trunc_normal_", "orthogonal_", "sparse_"))  # fmt: skip
    atexit.register(source.at_the_end)


def _fresh(real: Any, source: str, call: str, takes_seed: bool = True) -> Any:
    """`default_rng()` without a seed is a generator that nobody can make again."""
    told: "List[bool]" = []

    def fresh(*args: Any, **kwargs: Any) -> Any:
        if not told and not (takes_seed and (args[0] if args else kwargs.get("seed")) is not None):
            place = caller()
            if place is not None:
                told.append(True)
                report(source, call, place)
        return real(*args, **kwargs)

    return fresh


def watch_own(module: Any) -> None:
    """`random.Random()` that draws before it gets a seed, and `random.SystemRandom()`, which never has one; the first of each."""
    real: Any = module.Random.__init__
    told: "Dict[str, bool]" = {}

    def tell(call: str, place: "Tuple[str, int]") -> None:
        if not told.setdefault(call, False):
            told[call] = True
            report("random", call, place)

    def __init__(self: Any, x: Any = None) -> None:  # noqa: N807
        real(self, x)
        call = "SystemRandom" if isinstance(self, module.SystemRandom) else "Random"
        place = caller() if x is None and not told.get(call) else None
        if place is not None and call == "Random":
            _watch_one(self, partial(tell, call, place))
        elif place is not None:
            tell(call, place)

    module.Random.__init__ = _like(__init__, real)


def _watch_one(generator: Any, drawn: "Callable[[], object]") -> None:
    """Calls `drawn` at its first draw, unless it is given a seed before; then nothing of this is left in it."""
    words = {"seed": False, "setstate": False, "random": True, "getrandbits": True}
    real = {word: getattr(generator, word) for word in words}

    def replaced(word: str) -> "Callable[..., Any]":
        def call(*args: Any, **kwargs: Any) -> Any:
            for one in words:
                generator.__dict__.pop(one, None)
            if words[word] or not (args or kwargs) or args[:1] == (None,):
                drawn()
            return real[word](*args, **kwargs)

        return call

    for word in words:
        setattr(generator, word, replaced(word))


def _has_generator(kwargs: "Dict[str, Any]") -> bool:
    """Then the global one is not used: PyTorch's `generator`, the `seed` of one operation of TensorFlow."""
    return kwargs.get("generator") is not None or kwargs.get("seed") is not None


def _like(ours: Any, real: Any) -> Any:
    for name in ("__name__", "__qualname__", "__doc__", "__module__"):
        try:
            setattr(ours, name, getattr(real, name))
        except (AttributeError, TypeError):
            continue
    ours.__wrapped__ = real
    return ours


def caller() -> "Optional[Tuple[str, int]]":
    """File and line of who draws; None for the standard library, whose draws are no result of anybody's.

    A library that draws for somebody else is passed over where that somebody is a file of the job.
    """
    frame: "Optional[FrameType]" = sys._getframe(2)
    nearest = None
    while frame is not None:
        path = os.path.abspath(frame.f_code.co_filename)
        if path != _HERE and not frame.f_code.co_filename.startswith("<frozen"):
            is_package = any(part in path for part in _PACKAGES)
            if nearest is None and not is_package and path.startswith(_STANDARD):
                return None
            nearest = nearest or (path, frame.f_lineno)
            if not is_package and not path.startswith(_STANDARD):
                return path, frame.f_lineno
        frame = frame.f_back
    return nearest


def report(source: str, call: str, place: "Optional[Tuple[str, int]]") -> None:
    """Writes the line."""
    record: "Dict[str, Any]" = {"event": "unseeded", "source": source, "call": call}
    if place is not None:
        top = os.getcwd() + os.sep if os.path.isdir(".") else "\0"
        record.update(file=place[0][len(top) :] if place[0].startswith(top) else place[0], line=place[1])
    _write(record)


def _write(record: "Dict[str, Any]") -> None:
    try:
        fd = os.open(os.environ["REPRUN_EVENTS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
        try:
            os.write(fd, json.dumps(record).encode() + b"\n")
        finally:
            os.close(fd)
    except (OSError, KeyError):
        pass  # the job is worth more than what is said of it
