"""What a snapshot may add without being asked about: the limits, the names of files that hold secrets, what was let in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reprun.core.frozen import dataclass

MIB = 1 << 20


@dataclass(frozen=True)
class Rules:
    """`[guard]` of `reprun.toml`. Sizes in bytes: of one file, and of all files together; `allow` are patterns of paths."""

    max_file: int = 10 * MIB
    max_total: int = 100 * MIB
    max_new_files: int = 10_000
    allow: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """A file that the guard stops at: `path` in the dev tree, `size` in bytes, `reason` in words; `new` when HEAD has it not."""

    path: str
    size: int
    reason: str
    new: bool


def is_allowed(path: str, patterns: Iterable[str]) -> bool:
    """True when `path`, or a folder that it lies in, matches a pattern as in a .gitignore.

    `*` and `?` stay within a name, `**` does not; a pattern without a slash, but at its end, matches at any depth.
    """
    parts = path.split("/")
    for pattern in patterns:
        anywhere = "/" not in pattern.rstrip("/")
        if _matches(["**"] * anywhere + pattern.strip("/").split("/"), parts):
            return True
    return False


def _matches(pattern: Sequence[str], parts: Sequence[str]) -> bool:
    from fnmatch import fnmatchcase

    if not pattern:
        return True  # what is left of the path lies below the folder that matched
    if pattern[0] == "**":
        return any(_matches(pattern[1:], parts[at:]) for at in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(pattern[1:], parts[1:])


def literal(path: str) -> str:
    """The pattern that means this path alone, in `allow` as in a .gitignore."""
    return "/" + "".join(f"[{char}]" if char in "*?[" else char for char in path)


# Names that say what is inside, in lower case. Plain string tests: compiling a pattern of them takes as long as a small launch.
_EXACT = frozenset((
    ".env", ".envrc", ".netrc", "_netrc", ".pypirc", ".npmrc", ".pgpass", ".my.cnf", ".git-credentials", ".htpasswd",
    ".dockercfg", ".boto", ".s3cfg", ".vault-token", "rclone.conf", "kaggle.json", "kubeconfig", "terraform.tfvars",
    "id_rsa", "id_dsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "credentials", "secret", "secrets",
    "password", "password.txt", "passwords", "token", "token.txt", "token.json", "api_key", "apikey",
))  # fmt: skip
_STARTS = (
    ".env.", "credentials.", "secret.", "secrets.", "passwords.", "api_key.", "api-key.", "apikey.", "api_keys.",
    "client_secret", "service_account", "service-account",
)  # fmt: skip
_ENDS = (
    ".env", ".pem", ".key", ".ppk", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ovpn", ".tfstate", ".token", "_token",
    "_token.txt", "-credentials.json", "_credentials.json", "-service-account.json",
)  # fmt: skip
_FOLDERS = frozenset((".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", "gcloud"))
# Public halves of keys, and files that are made to be copied and filled in.
_HARMLESS = (".pub", ".example", ".sample", ".template", ".dist", ".defaults")
_CODE = (".py", ".pyi", ".ipynb", ".md", ".rst", ".h", ".c", ".cpp", ".cu", ".js", ".ts", ".go", ".rs", ".java", ".html", ".css")


def is_secret_name(path: str) -> bool:
    """True for a file whose name says that it holds secrets. `secrets.py` is code: what is in it is looked at, not its name."""
    *folders, name = path.lower().split("/")
    if name.endswith(_HARMLESS):
        return False
    if not _FOLDERS.isdisjoint(folders) or name in _EXACT:
        return True
    return (name.startswith(_STARTS) and not name.endswith(_CODE)) or name.endswith(_ENDS)
