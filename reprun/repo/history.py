"""Reading recorded commits through GitPython's objects. Imported only where it is used: it takes 100 ms to load."""

from __future__ import annotations

from reprun.core.errors import ToolError
from reprun.core.frozen import dataclass


@dataclass(frozen=True)
class FileChange:
    """A file that differs between two commits: `kind` is M, A, D, R (`path` is the new one) or T."""

    kind: str
    path: str


def changed_files(git_dir: str, old: str, new: str) -> list[FileChange] | None:
    """The files that differ between two commits, given by full ids; None when one of them is not in the repository."""
    if old == new:
        return []
    import git

    try:
        with git.Repo(git_dir) as repository:
            changes = repository.commit(old).diff(repository.commit(new))
            return sorted(
                (FileChange(str(item.change_type or "M"), str(item.b_path or item.a_path)) for item in changes),
                key=lambda item: item.path,
            )
    except (ValueError, git.exc.BadName, git.exc.BadObject):
        return None
    except git.exc.GitError as error:
        raise ToolError(f"git cannot compare the two commits: {error}") from error
