"""What in a file looks like a secret: detect-secrets says, where a quick look finds anything that it might say.

detect-secrets takes 150 ms to load, more than a launch. The quick look finds every line that one of the detectors used
here could match (a test holds it against their patterns), and a few more; only such lines are given to them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from reprun.core.frozen import dataclass

# Detectors with a format of their own, and names of variables. Left out: IP addresses, three products of one vendor,
# Artifactory (any quoted word that begins with AKC or AP), and bare entropy, which is what hashes and notebooks are made of.
DETECTORS = (
    "AWSKeyDetector", "AzureStorageKeyDetector", "BasicAuthDetector", "DiscordBotTokenDetector", "GitHubTokenDetector",
    "GitLabTokenDetector", "JwtTokenDetector", "KeywordDetector", "MailchimpDetector", "NpmDetector", "OpenAIDetector",
    "PrivateKeyDetector", "PypiTokenDetector", "SendGridDetector", "SlackDetector", "SquareOAuthDetector", "StripeDetector",
    "TelegramBotTokenDetector", "TwilioKeyDetector",
)  # fmt: skip
# Entropy counts where the name says what the value is: `wandb_token = "…"`.
_ENTROPY = ("HexHighEntropyString", "Base64HighEntropyString")

# Words in lower case. One of the first makes a line worth a look; one of the names only where a value may stand beside it.
_MARKS = (
    b"gr1348941", b"_authtoken", b"t3blbkfj", b"private key", b"putty-user-key", b"pypi-age", b"hooks.slack.com", b"sq0csp-",
    b"k_live_", b"github_pat_", b"sk-ant-", b"sk-proj-", b"accountkey=",
)  # fmt: skip
_NAMES = (
    (b"key", rb"(?:api|auth|service|account|db|database|priv|private|client)_?key"),
    (b"pass", rb"(?:db|database|key)_?pass|password|passwd"),
    (b"pwd", rb"pwd"),
    (b"secret", rb"secret"),
    (b"contrase", "contrase(?:ñ|n)a".encode()),
)
# In these files detect-secrets takes only what is quoted for the value of a name.
_QUOTED = (".py", ".pyi", ".js", ".java", ".swift", ".tf", ".cls")
_NAMED = rb"""(?:token|key|credential|auth)[\w"'\]]{0,30}\s{0,4}[:=]\s{0,4}["'][a-z0-9+/=_-]{20,}["']"""
# Each with what must be there for it to be looked for at all. (In 20 characters there are up to 80 bytes.)
_FORMATS = (
    (b"://", rb"://[^\s/:@]+:[^\s@]+@"),
    (b"eyj", rb"eyj[\w=-]+\."),
    (b"sg.", rb"sg\.[\w-]{22}\."),
    (b"aws", rb"""aws.{0,80}(?:key|pw|pass|token).{0,80}["']"""),
    (b"xox", rb"xox[abposr]-"),
    (b"gh", rb"gh[pousr]_\w{36}"),
    (b"hf_", rb"hf_[a-z0-9]{30}"),
    (b"aiza", rb"aiza[\w-]{35}"),
    (b"a", rb"(?:a3t[0-9a-z]|a[bks]ia|acca)[0-9a-z]{16}"),
    (b"gl", rb"gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-"),
    (b"-us", rb"[0-9a-z]{32}-us\d"),
    (b":", rb"\d{8,10}:[\w-]{35}"),
    (b".", rb"[mno][\w-]{23,25}\.[\w-]{6}\.[\w-]{27}"),
    (b"ac", rb"ac[a-z0-9]{32}"),
    (b"sk", rb"sk[a-z0-9]{32}"),
)
# Formats that matter to this audience and that detect-secrets does not know.
_OURS = (
    ("Hugging Face token", rb"\bhf_[A-Za-z0-9]{30,}\b"),
    ("GitHub token", rb"\bgithub_pat_\w{22,}"),
    ("Google API key", rb"\bAIza[\w-]{35}\b"),
    ("Anthropic API key", rb"\bsk-ant-[\w-]{20,}"),
    ("OpenAI API key", rb"\bsk-proj-[\w-]{20,}"),
)
_CUT = 2000  # bytes of a long line that are given to the detectors around what was found


@dataclass(frozen=True)
class Secret:
    """What looks like a secret: the line it is on, what it looks like, and a digest to tell it from others."""

    line: int
    what: str
    digest: str


def find_secrets(path: str, data: bytes) -> list[Secret]:
    """What looks like a secret in the file `path` with the content `data`; nothing in a binary file, but for its name."""
    if b"\0" in data[:8192] or not might_hold_secrets(path, data):
        return []
    lines = sorted(set(_suspicious_lines(data)))
    found: dict[int, Secret] = {}
    for secret in (*_by_detectors(path, lines), *_by_ours(lines)):
        found.setdefault(secret.line, secret)  # one that is known by its format comes before one that only looks random
    return [found[line] for line in sorted(found)]


def might_hold_secrets(path: str, data: bytes) -> bool:
    """False when no detector can find anything: the quick look."""
    low = data.lower()
    if any(mark in low for mark in _MARKS):
        return True
    beside = b"\"'`" if path.lower().endswith(_QUOTED) else b"\"'`:="
    if any(not set(beside).isdisjoint(line) for line in _lines_with(low, _NAMES)):
        return True
    if any(needed in low and re.search(pattern, low) for needed, pattern in _FORMATS):
        return True
    return bool(re.search(_NAMED, low))


def _lines_with(low: bytes, names: tuple[tuple[bytes, bytes], ...]) -> Iterator[bytes]:
    """The lines that hold one of the names."""
    for needed, pattern in names:
        for match in re.finditer(pattern, low) if needed in low else ():
            end = low.find(b"\n", match.end())
            yield low[low.rfind(b"\n", 0, match.start()) + 1 : end if end >= 0 else len(low)]


def _suspicious_lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    marks = (re.escape(mark) for mark in _MARKS)
    patterns = b"|".join([*marks, _NAMED, *(pattern for _, pattern in (*_NAMES, *_FORMATS))])
    pattern = re.compile(patterns, re.IGNORECASE)
    number, begin = 1, 0
    for match in pattern.finditer(data):
        number += data.count(b"\n", begin, match.start())
        begin = match.start()
        first = data.rfind(b"\n", 0, begin) + 1
        last = data.find(b"\n", begin)
        line_end = last if last >= 0 else len(data)
        yield number, data[max(first, begin - _CUT) : min(line_end, match.end() + _CUT)]


def _by_detectors(path: str, lines: list[tuple[int, bytes]]) -> Iterator[Secret]:
    from detect_secrets.core.scan import _process_line_based_plugins as scan
    from detect_secrets.settings import transient_settings

    texts = [(number, line.decode("utf-8", "replace")) for number, line in lines]
    with transient_settings({"plugins_used": [{"name": name} for name in (*DETECTORS, *_ENTROPY)]}):
        for number, text in texts:
            for found in scan([(1, text)], filename=path):
                bare = found.type.endswith("High Entropy String")
                if not bare or re.search(_NAMED, text.lower().encode()):
                    yield Secret(number, "a value that looks random" if bare else found.type, found.secret_hash)


def _by_ours(lines: list[tuple[int, bytes]]) -> Iterator[Secret]:
    from hashlib import sha256

    for number, line in lines:
        for what, pattern in _OURS:
            for match in re.finditer(pattern, line):
                if b"pragma: allowlist secret" not in line:
                    yield Secret(number, what, sha256(match.group()).hexdigest())
