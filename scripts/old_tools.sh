#!/usr/bin/env bash
# The oldest tools that a host may have, for the tests: git 2.25 and Python 3.8, as Ubuntu 20.04 has them; and a Python that is
# too old, the 3.6 of Ubuntu 18.04.
#
#   scripts/old_tools.sh FOLDER    makes FOLDER/git-2.25, FOLDER/python-3.8 and FOLDER/python-3.6, to be put in front of PATH
#
# Nothing is installed: the packages are unpacked below FOLDER. Their digests are written here, so it does not matter who
# handed them over. Needs apt-get and an x86-64 machine.
set -euo pipefail

folder=${1:?usage: scripts/old_tools.sh FOLDER}
source='deb [arch=amd64 trusted=yes] http://archive.ubuntu.com/ubuntu'
packages='
b95444c42c51dd0a65b3d5ef3dafcb1401a935aef5cc7d42a7f2023c415f295c  git=1:2.25.1-1ubuntu3
b3f1fe647f9af294a184449845ea7f9b5f144c7e9fbfc8b7daf77288af86f131  python3.8-minimal=3.8.2-1ubuntu1
70686b82fdbc4dd1514c30bdff299ab6bc4f6e4a3a0d3f50c324d64720d25378  libpython3.8-minimal=3.8.2-1ubuntu1
6e455e429ee3dec44cf1440ea91c9cde4c03cf5e4a06e54b0d5b5d8b95b7de03  libpython3.8-stdlib=3.8.2-1ubuntu1
a033297a970487552f82a210df18b206ddc465627e68ddcbad2603818083d946  python3.6-minimal=3.6.5-3
ce512b47c542886ab93a2667f6ea90edfa063eb0bc5d6a9ac782dfa44e201be2  libpython3.6-minimal=3.6.5-3
ff164729742f8e8cfc1024d6b62d9d7dff64761a0a83ed6028e44dc6dfa6a618  libpython3.6-stdlib=3.6.5-3
'
mkdir -p "$folder"
folder=$(cd "$folder" && pwd -P)
wanted="$folder $(sha256sum <"${BASH_SOURCE[0]}")"
if [ "$(cat "$folder/complete" 2>/dev/null)" = "$wanted" ]; then exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists,cache,state,debs,root}
: >"$work/status"
printf '%s main\n' "$source focal" "$source bionic" >"$work/sources.list"
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
mkdir -p "$folder"/{git-2.25,python-3.8,python-3.6}
cp -a "$work/root/usr" "$folder/usr"
for name in git git-receive-pack git-upload-pack git-upload-archive; do
  # It was built to find its parts below /usr, where those of another git are.
  printf '#!/bin/sh\nGIT_EXEC_PATH=%q exec %q "$@"\n' "$folder/usr/lib/git-core" "$folder/usr/bin/$name" >"$folder/git-2.25/$name"
  chmod 755 "$folder/git-2.25/$name"
done
for version in 3.8 3.6; do ln -s "../usr/bin/python$version" "$folder/python-$version/python3"; done
"$folder/git-2.25/git" --version >/dev/null
"$folder/python-3.8/python3" -c 'import hashlib, json, subprocess, zipfile, zlib'
"$folder/python-3.6/python3" -c 'import json, sys; sys.exit(sys.version_info[:2] != (3, 6))'
printf '%s\n' "$wanted" >"$folder/complete"  # the scripts above name the folder
