# The snapshot of floor.sh and floor_far.sh: from $home and $run to $tree and $commit. Read by them, in the repository.
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
