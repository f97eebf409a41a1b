#!/bin/bash
# What `reprun launch --on` does, by hand and without waste: the floor that the bench compares with.
# usage: floor_far.sh REPOSITORY HOME RUN-ID HOST THERE COMMAND...
# $SSH_WORDS is the ssh command; it shares its connection. THERE/repo.git and a tmux server at THERE/tmux.sock are on the host.
set -eu
repository=$1 home=$2 run=$3 host=$4 there=$5
shift 5
cd "$repository"

# The tree as it stands, as in floor.sh.
index=$home/index.$run
cp -p .git/index "$index"
GIT_INDEX_FILE=$index git add --all
tree=$(GIT_INDEX_FILE=$index git write-tree)
rm "$index"

export GIT_AUTHOR_NAME=bench GIT_AUTHOR_EMAIL=bench@localhost GIT_AUTHOR_DATE='946684800 +0000'
export GIT_COMMITTER_NAME=bench GIT_COMMITTER_EMAIL=bench@localhost GIT_COMMITTER_DATE='946684800 +0000'
commit=$(git commit-tree "$tree" -p HEAD -m snapshot)
git update-ref "refs/floor/runs/$run" "$commit" 0000000000000000000000000000000000000000

GIT_SSH_COMMAND=$SSH_WORDS git push --quiet "$host:$there/repo.git" "$commit:refs/floor/runs/$run"

# shellcheck disable=SC2086,SC2029
exec $SSH_WORDS -T "$host" "set -eu; cd $there
    if [ ! -d worktrees/$commit ]; then
        git -C repo.git worktree add --quiet --detach $there/worktrees/$commit $commit; chmod -R a-w worktrees/$commit
    fi
    mkdir -p runs/$run; printf '{\"run_id\": \"$run\", \"commit\": \"$commit\", \"tree\": \"$tree\"}\n' >runs/$run/run.json
    cd worktrees/$commit; exec tmux -S $there/tmux.sock -f /dev/null new-session -d -s $run -- $(printf '%q ' "$@")"
