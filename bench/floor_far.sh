#!/bin/bash
# What `reprun launch --on` does, by hand and without waste: the floor that the bench compares with.
# usage: floor_far.sh REPOSITORY HOME RUN-ID HOST THERE COMMAND...
# $SSH_WORDS is the ssh command; it shares its connection. THERE/repo.git and a tmux server at THERE/tmux.sock are on the host.
set -eu
repository=$1 home=$2 run=$3 host=$4 there=$5
shift 5
floor=${0%/*}
cd "$repository"
. "$floor/floor_snapshot.sh"

GIT_SSH_COMMAND=$SSH_WORDS git push --quiet "$host:$there/repo.git" "$commit:refs/floor/runs/$run"

# shellcheck disable=SC2086,SC2029
exec $SSH_WORDS -T "$host" "set -eu; cd $there
    if [ ! -d worktrees/$commit ]; then
        git -C repo.git worktree add --quiet --detach $there/worktrees/$commit $commit; chmod -R a-w worktrees/$commit
    fi
    mkdir -p runs/$run; printf '{\"run_id\": \"$run\", \"commit\": \"$commit\", \"tree\": \"$tree\"}\n' >runs/$run/run.json
    cd worktrees/$commit; exec tmux -S $there/tmux.sock -f /dev/null new-session -d -s $run -- $(printf '%q ' "$@")"
