"""The first words on a host: finds the runner that the dev side speaks of, or takes it in, and lets it serve.

Sent as text in one constant command, so this must be small, and old interpreters must be able to read it as far as saying that
they are too old. It is told by one line of JSON on standard input and answers in frames, which start with the nonce: what shell
files print before is passed over. The line says `nonce`, `digest` and `home`, how often to give a sign of life (`beat`), and
whether a runner that is not here `waits` for the next conversation; else it is sent now.
"""

import io
import json
import os
import sys

MARK = "\x1ereprun"


def say(nonce: str, message: "dict[str, object]") -> None:
    """Writes one frame."""
    text = json.dumps(message).encode()
    data = ("%s %s %d\n" % (MARK, nonce, len(text))).encode() + text
    while data:
        data = data[os.write(1, data) :]


def take(source: "io.FileIO", place: str) -> None:
    """Reads the runner, a zip file, and unpacks it aside; then it is put in place in one step."""
    import shutil
    import zipfile

    left, parts = int(source.readline()), []
    while left:
        part = source.read(left)
        if not part:
            sys.exit(1)
        parts.append(part)
        left -= len(part)
    aside = "%s.%d.tmp" % (place, os.getpid())
    os.makedirs(aside, 0o700)
    try:
        with zipfile.ZipFile(io.BytesIO(b"".join(parts))) as archive:
            archive.extractall(aside)
        translate(aside)
        os.rename(aside, place)
    except OSError:
        shutil.rmtree(aside, True)
        if not os.path.isdir(place):  # another launch may have been quicker
            raise


def translate(folder: str) -> None:
    """Makes the .pyc files now, and looks at them: on a full disk Python leaves half of one, and never starts again."""
    import compileall
    import errno
    import marshal

    whole = compileall.compile_dir(folder, quiet=2)
    for where, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".pyc"):
                with open(os.path.join(where, name), "rb") as file:
                    try:
                        marshal.loads(file.read()[16:])  # noqa: S302  # written just above
                    except (EOFError, ValueError, TypeError):
                        whole = False
    if not whole:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def main() -> None:
    """Answers until standard input ends."""
    source = open(0, "rb", 0, closefd=False)  # unbuffered: what follows the line belongs to the runner
    try:
        hello = json.loads(source.readline().decode())
        nonce = hello["nonce"]
    except ValueError:
        sys.exit("the request did not arrive whole: a shell file there reads from standard input")
    if sys.version_info < (3, 8):
        say(nonce, {"old": "%d.%d.%d" % sys.version_info[:3]})
        return
    home = hello["home"] or os.environ.get("REPRUN_HOME") or "~/.local/share/reprun"
    os.environ["REPRUN_HOME"] = home = os.path.realpath(os.path.expanduser(home))
    os.umask(0o077)
    place = os.path.join(home, "runners", hello["digest"])
    try:
        has = os.path.isdir(place)
        say(nonce, {"has": has})
        if not has:
            if hello["waits"]:
                return
            take(source, place)
    except OSError as error:
        text = "%s cannot be used: %s" % (error.filename or home, error.strerror)
        say(nonce, {"error": {"kind": "tool", "message": text, "hint": "export REPRUN_HOME=<a folder of yours>"}})
        return
    sys.dont_write_bytecode = True  # see `translate`
    sys.path.append(place)
    from reprun.runner.serve import serve

    serve(source, nonce, hello["beat"])


if __name__ == "__main__":
    main()
