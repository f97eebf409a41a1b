"""Texts that somebody would like to see executed, expanded, followed or obeyed. CANARY is a file that none of them may make.

They are put wherever reprun takes a text: each is recorded exactly or refused in one sentence, and the file is never made.
"""

from __future__ import annotations

_COMMAND = "touch CANARY"
_SHELL = [
    "$(touch CANARY)", "`touch CANARY`", "; touch CANARY", "| touch CANARY", "|| touch CANARY", "& touch CANARY",
    "&& touch CANARY", "\ntouch CANARY\n", "\rtouch CANARY", "'; touch CANARY; '", '"; touch CANARY; "',
    "'\"`$(touch CANARY)`\"'", "x\\\ntouch CANARY", "$((1+1))", "${IFS}", "${HOME}", "$HOME", "$0", "$@", "$$", "$!", "~",
    "~root", "!!", "!$", "*", "?", "[a-z]*", "{a,b}", "{1..9}", "> CANARY", ">> CANARY", "< /etc/passwd", "2> CANARY",
    "<(touch CANARY)", ">(touch CANARY)", "<<EOF\ntouch CANARY\nEOF", "a\tb", "#comment", "\\", "\\\\", "\\n", "\\x41",
    "$'\\x41'", "\\$(touch CANARY)", "-c touch CANARY", "() { :;}; touch CANARY", "%PATH%", "^", "eval touch CANARY",
    "exec touch CANARY", ". CANARY", "a b  c", " leading", "trailing ", "''", '""', "'", '"', "`", "$", "x$(touch${IFS}CANARY)",
    "`touch${IFS}CANARY`", ";touch${IFS}CANARY;", "x||touch${IFS}CANARY", "setenv A b; touch CANARY",
]  # fmt: skip
_OPTIONS = [
    "-", "--", "-rf", "-rf /", "--help", "--version", "--upload-pack=touch CANARY", "--exec=touch CANARY",
    "-oProxyCommand=touch CANARY", "--output=CANARY", "-o", "--git-dir=/tmp", "-c core.pager=touch CANARY", "--config-env=a=b",
    "--ext-diff", "--textconv", "-u", "--no-index", "--end-of-options", "--stdin", "--json", "--yes", "--name=x", "-m", "-f",
    "--follow", "--", "---", "-1", "--set=a=b", "ext::sh -c touch% CANARY", "file:///etc/passwd",
    "https://user:token@example.org/x.git", "ssh://-oProxyCommand=touch CANARY/x",
]  # fmt: skip
_GIT = [
    ":(glob)**", ":(exclude)*", ":!*", ":^*", ":/", ":(top)", ":(attr:x)y", ":0:train.py", "HEAD", "HEAD^{tree}", "HEAD~1",
    "@{u}", "@{-1}", "@", "main..HEAD", "^HEAD", "refs/heads/main", "refs/heads/../../x", "a.lock", "a..b", ".git", ".git/config",
    ".GIT/hooks", "git~1", ".git\u200c/x", ".gitmodules", ".gitattributes", ".gitignore", "* filter=evil", "!negated", "x/.git/y",
    "core.fsmonitor=touch CANARY", "FETCH_HEAD", "refs/reprun/runs/x",
]  # fmt: skip
_TMUX = [
    "#(touch CANARY)", "#{pane_pid}", "#{l:x}", "#S", "#[fg=red]", "a.b", "a:b", "=x", "%0", "$0", "@0",
    "; run-shell 'touch CANARY'", "\\;",
]  # fmt: skip
_FORMAT = [
    "{0}", "{}", "{x}", "{__class__}", "{0.__class__.__mro__}", "{config.__init__}", "%s", "%n%n%n", "%(x)s", "%d", "{{x}}",
    "{{{{", "}}}}", "{", "}", "{config}", "{output}", "{seed}", "{run_id}", "{worktree}", "${output}", "{output", "{{output}}",
    "<%= 1 %>", "{% x %}", "{{7*7}}", "${7*7}", "__import__('os').system('touch CANARY')", "f'{x}'", "\\N{DASH}",
]  # fmt: skip
_MARKUP = [
    '"""', "'''", '"""\nx = 1\n"""', "]]", "[x]", "[[x]]", "x = 1", "= 1", "a.b.c", "a: b", "a: b: c", "- a", "? a", "---", "...",
    "--- !x", "&a", "*a", "&a [*a]", "<<: *a", "!!python/object/apply:os.system ['touch CANARY']", "!!python/name:os.system",
    "!!binary aGk=", "!x y", "|", ">", "|\n  x", "# x", "a # b", "%YAML 1.2", "@x", "null", "~", "true", "yes", "no", "on",
    "0x10", "0o17", "017", "1e999", "-.inf", ".nan", "1_000", "1:30", "2001-01-01", "9" * 400, '{"a": 1}', "[1, 2", "{a: 1",
    "\\u0000", "\\ud800", "\\", "'''\n", "[red]bold[/red]", "[/]", "[link=file:///etc/passwd]x[/link]",
    "<script>alert(1)</script>", "&lt;", "<!--", "]]>", "=cmd|' /C calc'!A0", "+1", "@SUM(1)",
]  # fmt: skip
_TERMINAL = [
    "\x1b]0;owned\x07", "\x1b[2J\x1b[H", "\x1b[31mred", "\x1b[?1049h", "\x1bP+q\x1b\\", "\x1b]52;c;dG91Y2g=\x07",
    "\x1b]8;;file:///x\x1b\\x", "\x9b2J", "\x90x\x9c", "\x07", "\x08\x08\x08", "a\rb", "\x7f", "\x0b\x0c", "\x1c\x1d\x1e\x1f",
    "\x85", "\u2028x\u2029", "\u202egpj.exe", "\u2066x\u2069", "\u200f", "a\x1b[1A\x1b[2Kb", "\x1b", "\x01\x02", "\x04", "\x1a",
]  # fmt: skip
_UNICODE = [
    "é", "e\u0301", "Å", "\u212b", "ﬁ", "\u200b", "a\u200bb", "\u200d", "\ufeff", "\u00a0", "\u3000", "\u00ad", "\U000e0041",
    "\ufffe", "\uffff", "\U0010ffff",
    "日本語", "עברית", "العربية", "👩‍👩‍👧‍👦", "ı", "İ", "ß", "K", "a" + "\u0301" * 100, "ｔｏｕｃｈ",
    "；", "＄（", "\ufdfa", "\udcff", "\udc80x", "x\udcfe\udcff", "\ud800",
]  # fmt: skip
_PATHS = [
    "../x", "../../../../etc/passwd", "/etc/passwd", "/", ".", "..", "...", "./x", "x/", "x//y", "x/../y", "a/./b", "//x",
    "\\\\host\\share", "C:\\x", "CON", "nul.txt", "aux", "x" * 255, "x" * 300, "d/" * 100 + "x", "\0", "x\0y", "/dev/null",
    "/dev/zero", "/proc/self/environ", "file\n", "train.py ", " train.py", "TRAIN.PY", "train.py.", "conf", "refs/x",
    "~/.ssh/id_rsa",
]  # fmt: skip
_SQL = [
    "'; DROP TABLE runs; --", "' OR '1'='1", '" OR 1=1', "x' UNION SELECT 1", "%", "_", "x%' ESCAPE '", "\\'", "runs", "*?[",
    "[!a]", "a GLOB *",
]  # fmt: skip
_WORDS = [
    "@last", "@last~1", "@last~999999999999999999999", "20260101", "20260101-000000-aaaaaa", "2026", "0", "REPRUN_HOME",
    "LD_PRELOAD=/x.so", "PATH=", "PYTHONPATH", "GIT_DIR=/x", "BASH_ENV=CANARY", "=", "a=b", "+a=b", "a=", "=b", "a.b=c", "lr",
    "seed", "none", "0,0", "GPU-", "",
]  # fmt: skip
STRINGS = tuple(
    dict.fromkeys(
        [*_SHELL, *_OPTIONS, *_GIT, *_TMUX, *_FORMAT, *_MARKUP, *_TERMINAL, *_UNICODE, *_PATHS, *_SQL, *_WORDS, _COMMAND]
    )
)


def hostile(canary: object) -> list[str]:
    """All of them, aimed at the file `canary`."""
    return [text.replace("CANARY", str(canary)) for text in STRINGS]
