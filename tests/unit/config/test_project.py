"""`reprun.toml`: every key, every wrong value, and whose word counts."""

from __future__ import annotations

import subprocess
import sys

import pytest

from reprun.config.project import Settings, find_settings, user_config_path
from reprun.config.schema import parse_settings
from reprun.core.errors import UsageError
from reprun.core.tolerance import Tolerance

FULL = """
auto_commit = "branch"
require_clean = true
config = "conf/base.yaml"
writable = ["outputs/", "./cache", "a/b"]
carry = [".env", "./conf/local.yaml"]
data = [{ path = "data/a.csv" }, { path = "/big/b.bin" }]
pass_env = ["WANDB_API_KEY", "AWS_*"]
[env]
A = "x y"
B = 3
C = 0.5
D = true
E = ""
[outputs]
hash_limit = "2 GiB"
[git]
push = "origin"
[launch]
grace = 2.5
[verdict]
rtol = 1e-3
atol = 1
ignore = ["*.log"]
[verdict.metrics.loss]
rtol = 0.1
[verdict.metrics."val/*"]
atol = 0.2
[targets.gpu1]
host = "gpu1.lab"
scheduler = "tmux"
options = { any = 1 }
"""


@pytest.fixture
def files(tmp_path):
    """Writes the project's and the user's file and reads the settings."""

    def read(project=None, user=None):
        for name, text in (("reprun.toml", project), ("user.toml", user)):
            (tmp_path / name).unlink(missing_ok=True)
            if text is not None:
                (tmp_path / name).write_text(text)
        return find_settings(str(tmp_path), str(tmp_path / "user.toml"))

    return read


def test_defaults(files, tmp_path):
    assert files() == find_settings(str(tmp_path)) == Settings()
    assert files("") == Settings(files=(str(tmp_path / "reprun.toml"),))
    settings = Settings()
    assert (settings.auto_commit, settings.require_clean, settings.grace, settings.hash_limit) == (
        "ref",
        False,
        10,
        1 << 30,
    )
    assert not settings.tolerances().declared


def test_every_key(files):
    settings = files(FULL)
    assert settings.auto_commit == "branch"
    assert settings.require_clean is True
    assert settings.config == "conf/base.yaml"
    assert settings.writable == ("outputs", "cache", "a/b")
    assert settings.carry == (".env", "conf/local.yaml")
    assert settings.data == ("data/a.csv", "/big/b.bin")
    assert settings.pass_env == ("WANDB_API_KEY", "AWS_*")
    assert settings.env == {"A": "x y", "B": "3", "C": "0.5", "D": "true", "E": ""}
    assert (settings.hash_limit, settings.grace, settings.push) == (2 << 30, 2.5, "origin")
    assert settings.targets == {"gpu1": {"host": "gpu1.lab", "scheduler": "tmux", "options": {"any": 1}}}


def test_tolerances(files):
    tolerances = files(FULL).tolerances()
    assert tolerances.default == Tolerance(1e-3, 1)
    assert tolerances.of("loss") == Tolerance(0.1, 0)
    assert tolerances.of("val/acc") == Tolerance(0, 0.2)
    assert tolerances.ignores("a/train.log")


def test_the_project_wins_key_by_key(files):
    user = """
    auto_commit = "branch"
    require_clean = true
    writable = ["a"]
    [env]
    A = 1
    B = 1
    [verdict]
    rtol = 0.1
    [verdict.metrics]
    x = { rtol = 1 }
    y = { rtol = 1 }
    [targets]
    g = { host = "g", scheduler = "s" }
    h = { host = "h" }
    """
    project = """
    require_clean = false
    writable = ["b"]
    env.B = 2
    verdict.atol = 0.2
    verdict.metrics.y.atol = 3
    targets.g.host = "G"
    """
    settings = files(project, user)
    assert (settings.auto_commit, settings.require_clean, settings.writable) == ("branch", False, ("b",))
    assert settings.env == {"A": "1", "B": "2"}
    assert settings.verdict == {"rtol": 0.1, "atol": 0.2, "metrics": {"x": {"rtol": 1}, "y": {"atol": 3}}}
    assert settings.targets == {"g": {"host": "G"}, "h": {"host": "h"}}
    assert len(settings.files) == 2


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        ('"1 GiB"', 1 << 30),
        ('"1GB"', 10**9),
        ('"500 mb"', 500 * 10**6),
        ('"64K"', 64_000),
        ('"1.5 KiB"', 1536),
        ('"12"', 12),
        ('"7 B"', 7),
        ('"2 TiB"', 2 << 40),
    ],
)
def test_sizes(files, text, size):
    assert files(f"outputs.hash_limit = {text}").hash_limit == size


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('auto_commit = "head"', 'reprun.toml: auto_commit must be "ref" or "branch", not "head"'),
        ("auto_commit = true", 'reprun.toml: auto_commit must be "ref" or "branch", not true'),
        ("require_clean = 1", "reprun.toml: require_clean must be true or false, not 1"),
        ('config = ""', 'reprun.toml: config must be a string that is not empty, not ""'),
        ("config = []", "reprun.toml: config must be a string that is not empty, not a list"),
        (f'outputs.hash_limit = "{10**400}"', f'reprun.toml: outputs.hash_limit must be a size in bytes, not "1{"0" * 59}"'),
        ('writable = "a"', 'reprun.toml: writable must be a list, not "a"'),
        (
            'writable = ["a", "../b"]',
            'reprun.toml: writable[1] must be a path below the top of the repository, not "../b"',
        ),
        (
            'writable = ["/a"]',
            'reprun.toml: writable[0] must be a path below the top of the repository, not "/a"',
        ),
        (
            'writable = ["."]',
            'reprun.toml: writable[0] must be a path below the top of the repository, not "."',
        ),
        (
            'writable = ["./"]',
            'reprun.toml: writable[0] must be a path below the top of the repository, not "./"',
        ),
        (
            'writable = [".git/x"]',
            'reprun.toml: writable[0] must be a path below the top of the repository, not ".git/x"',
        ),
        ('carry = "a"', 'reprun.toml: carry must be a list, not "a"'),
        *(
            (f'carry = ["{path}"]', f'reprun.toml: carry[0] must be a path below the top of the repository, not "{path}"')
            for path in ("../.env", "/etc/passwd", ".git/config", "a/../b", "a/.GIT/b", ".", "")
        ),
        ("writable = [1]", "reprun.toml: writable[0] must be a path below the top of the repository, not 1"),
        ('data = ["a"]', 'reprun.toml: data[0] must be a table, not "a"'),
        ("data = [{}]", "reprun.toml: data[0].path must be a string that is not empty, not null"),
        ('data = [{ path = "a", sha = 1 }]', "reprun.toml: data[0] has the unknown key 'sha'"),
        (
            'pass_env = ["A B"]',
            'reprun.toml: pass_env[0] must be the name of an environment variable, not "A B"',
        ),
        ("env = 1", "reprun.toml: env must be a table, not 1"),
        ('env."A-B" = 1', "reprun.toml: env has 'A-B', which cannot name an environment variable"),
        ("env.A = [1]", "reprun.toml: env.A must be a string, a number, true or false, not a list"),
        (
            "env.REPRUN_SEED = 1",
            "reprun.toml: env has REPRUN_SEED, but the names that begin with REPRUN_ are set by reprun",
        ),
        ('outputs.hash_limit = "1 X"', 'reprun.toml: outputs.hash_limit must be a size in bytes, not "1 X"'),
        ("outputs.hash_limit = -1", "reprun.toml: outputs.hash_limit must be a size in bytes, not -1"),
        ("outputs.hash_limit = true", "reprun.toml: outputs.hash_limit must be a size in bytes, not true"),
        ("launch.grace = -1", "reprun.toml: launch.grace must be a number that is not negative, not -1"),
        ("launch.grace = inf", "reprun.toml: launch.grace must be a number that is not negative, not inf"),
        ("verdict.rtol = true", "reprun.toml: verdict.rtol must be a number that is not negative, not true"),
        ("verdict.rtol = nan", "reprun.toml: verdict.rtol must be a number that is not negative, not nan"),
        ("verdict.metrics.a = 1", "reprun.toml: verdict.metrics.a must be a table, not 1"),
        ("verdict.metrics.a.tol = 1", "reprun.toml: verdict.metrics.a has the unknown key 'tol'"),
        ("targets.a = 1", "reprun.toml: targets.a must be a table, not 1"),
        ("launch.gracee = 1", "reprun.toml: launch has the unknown key 'gracee'"),
        ("auto_comit = 1", "reprun.toml has the unknown key 'auto_comit'"),
        ("a = [", "reprun.toml is not valid TOML: Invalid value at end of document"),
    ],
)
def test_what_is_refused(text, message):
    with pytest.raises(UsageError) as caught:
        parse_settings(text)
    assert caught.value.message.startswith(message)


def test_hints_name_the_nearest_key():
    for text, hint in (
        ("auto_comit = 1", "did you mean auto_commit?"),
        ("launch.x = 1", "known here: grace, watch_randomness"),
    ):
        with pytest.raises(UsageError) as caught:
            parse_settings(text)
        assert caught.value.hint == hint


def test_the_users_file_is_named_in_its_errors(files, tmp_path):
    with pytest.raises(UsageError, match=r"user\.toml: launch\.grace must be"):
        files("", "launch.grace = true")


def test_a_file_that_is_there_must_be_readable(tmp_path):
    (tmp_path / "reprun.toml").symlink_to("nowhere")
    with pytest.raises(UsageError, match=r"^there is no file reprun\.toml$"):
        find_settings(str(tmp_path))


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"HOME": "/h"}, "/h/.config/reprun/config.toml"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, "/x/reprun/config.toml"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "relative"}, "/h/.config/reprun/config.toml"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": ""}, "/h/.config/reprun/config.toml"),
    ],
)
def test_where_the_users_file_is(environ, path):
    assert user_config_path(environ) == path


def test_without_a_file_nothing_is_loaded(tmp_path):
    code = f"import sys, reprun.config.project as p; p.find_settings({str(tmp_path)!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"tomllib", "reprun.config.schema", "difflib", "yaml"}
