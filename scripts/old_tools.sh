#!/usr/bin/env bash
# The oldest tools that a host may have, for the tests: git 2.25 and Python 3.8, as Ubuntu 20.04 has them.
#
#   scripts/old_tools.sh FOLDER    makes FOLDER/git-2.25 and FOLDER/python-3.8, to be put in front of PATH
#
# Nothing is installed: the packages are unpacked below FOLDER. Their digests are written here, so it does not matter who
# handed them over. Needs apt-get and an x86-64 machine.
set -euo pipefail

folder=${1:?usage: scripts/old_tools.sh FOLDER}
source='deb [arch=amd64 trusted=yes] http://archive.ubuntu.com/ubuntu focal main'
packages='
b95444c42c51dd0a65b3d5ef3dafcb1401a935aef5cc7d42a7f2023c415f295c  git=1:2.25.1-1ubuntu3
b3f1fe647f9af294a184449845ea7f9b5f144c7e9fbfc8b7daf77288af86f131  python3.8-minimal=3.8.2-1ubuntu1
70686b82fdbc4dd1514c30bdff299ab6bc4f6e4a3a0d3f50c324d64720d25378  libpython3.8-minimal=3.8.2-1ubuntu1
6e455e429ee3dec44cf1440ea91c9cde4c03cf5e4a06e54b0d5b5d8b95b7de03  libpython3.8-stdlib=3.8.2-1ubuntu1
'
mkdir -p "$folder"
folder=$(cd "$folder" && pwd -P)
if [ "$(cat "$folder/complete" 2>/dev/null)" = "$folder" ]; then exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists,cache,state,debs,root}
: >"$work/status"
printf '%s\n' "$source" >"$work/sources.list"
apt() {  # with lists and a cache of its own: what this machine installs from is left alone
  apt-get -qq -o Acquire::Retries=3 -o Acquire::http::Timeout=30 -o APT::Sandbox::User= -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::Etc::SourceList="$work/sources.list" -o Dir::State="$work/state" -o Dir::State::Lists="$work/lists" \
    -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" -o APT::Architecture=amd64 "$@" >>"$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }
}

apt update
cd "$work/debs"
while read -r digest package; do
  if [ -z "$package" ]; then continue; fi
  rm -f -- *
  apt download "$package"
  printf '%s  %s\n' "$digest" ./*.deb | sha256sum --check --quiet
  dpkg-deb --extract ./*.deb "$work/root"
done <<<"$packages"
cd "$OLDPWD"

rm -rf "$folder"
mkdir -p "$folder"/{git-2.25,python-3.8}
cp -a "$work/root/usr" "$folder/usr"
for name in git git-receive-pack git-upload-pack git-upload-archive; do
  # It was built to find its parts below /usr, where those of another git are.
  printf '#!/bin/sh\nGIT_EXEC_PATH=%q exec %q "$@"\n' "$folder/usr/lib/git-core" "$folder/usr/bin/$name" >"$folder/git-2.25/$name"
  chmod 755 "$folder/git-2.25/$name"
done
ln -s ../usr/bin/python3.8 "$folder/python-3.8/python3"
"$folder/git-2.25/git" --version >/dev/null
"$folder/python-3.8/python3" -c 'import hashlib, json, subprocess, zipfile, zlib'
printf '%s\n' "$folder" >"$folder/complete"  # the scripts above name it
