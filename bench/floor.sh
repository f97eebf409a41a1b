#!/bin/sh
# What `reprun launch` does, by hand and without waste: the floor that the bench compares with.
# usage: floor.sh REPOSITORY HOME RUN-ID COMMAND...    A tmux server runs already at HOME/tmux.sock.
set -eu
repository=$1 home=$2 run=$3
shift 3
cd "$repository"

# The tree as it stands, through a copy of the index: git compares the stats and hashes only what changed.
index=$home/index.$run
cp -p .git/index "$index"
GIT_INDEX_FILE=$index git add --all
tree=$(GIT_INDEX_FILE=$index git write-tree)
rm "$index"

export GIT_AUTHOR_NAME=bench GIT_AUTHOR_EMAIL=bench@localhost GIT_AUTHOR_DATE='946684800 +0000'
export GIT_COMMITTER_NAME=bench GIT_COMMITTER_EMAIL=bench@localhost GIT_COMMITTER_DATE='946684800 +0000'
commit=$(git commit-tree "$tree" -p HEAD -m snapshot)
git update-ref "refs/floor/runs/$run" "$commit" 0000000000000000000000000000000000000000

worktree=$home/worktrees/$commit
if [ ! -d "$worktree" ]; then
    git worktree add --quiet --detach "$worktree" "$commit"
    chmod -R a-w "$worktree"
fi

mkdir -p "$home/runs/$run"
printf '{"run_id": "%s", "commit": "%s", "tree": "%s", "worktree": "%s"}\n' \
    "$run" "$commit" "$tree" "$worktree" >"$home/runs/$run/run.json"
cd "$worktree"
exec tmux -S "$home/tmux.sock" -f /dev/null new-session -d -s "$run" -- "$@"
