#!/bin/sh
# What `reprun launch` does, by hand and without waste: the floor that the bench compares with.
# usage: floor.sh REPOSITORY HOME RUN-ID COMMAND...    A tmux server runs already at HOME/tmux.sock.
set -eu
repository=$1 home=$2 run=$3
shift 3
floor=${0%/*}
cd "$repository"
. "$floor/floor_snapshot.sh"

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
