"""Records of many runs in one pack and one transaction."""

import pytest

from reprun.core.errors import ToolError
from reprun.repo.batch import drop_refs, keep_many
from reprun.repo.discover import find_repository
from reprun.repo.refs import list_refs, read_blobs


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_they_are_what_was_kept(tmp_path, git, object_format):
    git("init", "-q", f"--object-format={object_format}", str(tmp_path / "r"))
    git("commit", "-q", "--allow-empty", "-m", "x", cwd=tmp_path / "r")
    repository = find_repository(str(tmp_path / "r"))
    head = git("rev-parse", "HEAD", cwd=tmp_path / "r")
    texts = {f"refs/reprun/manifests/{size}": b"x" * size for size in (0, 1, 15, 16, 127, 2047, 2048, 100_000)}
    keep_many(repository, {**texts, "refs/reprun/manifests/twin": b"x"}, {"refs/reprun/runs/1": head})
    assert list(read_blobs(repository.git, list(texts))) == list(texts.values())
    assert git("fsck", "--strict", cwd=tmp_path / "r", check=True) is not None
    assert not list((tmp_path / "r/.git/objects/pack").glob("*.keep"))
    git("gc", "--prune=now", "-q", cwd=tmp_path / "r")
    assert list(read_blobs(repository.git, list(texts))) == list(texts.values())


def test_all_or_nothing(tmp_path, git, repo):
    repository = find_repository(str(repo))
    keep_many(repository, {"refs/reprun/manifests/a": b"old"}, {})
    with pytest.raises(ToolError, match="cannot be kept"):
        keep_many(repository, {"refs/reprun/manifests/b": b"new", "refs/reprun/manifests/a": b"new"}, {})
    assert [name for name, _ in list_refs(repository, "refs/reprun/")] == ["refs/reprun/manifests/a"]
    drop_refs(repository, ["refs/reprun/manifests/a"])
    assert list_refs(repository, "refs/reprun/") == []
