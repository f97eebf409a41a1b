#!/usr/bin/env bash
# Sets up what `make demo` or `make test` needs, and nothing when it is there already.
#
#   scripts/setup.sh demo    git, tmux, and reprun in .venv
#   scripts/setup.sh dev     the same, and the tools of the tests
#
# System packages are installed with apt-get as root or through a sudo that asks for nothing; otherwise one line says
# what to install. VENV names another folder than .venv.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mode=${1:-dev}
venv=${VENV:-.venv}
PATH=$PATH:/usr/sbin:/sbin  # sshd and ip are there, and not on the path of everybody

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

is_recent() { "$1" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
has_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

find_python() {  # prints the first Python >= 3.11, one that can make environments before one that cannot
  local name fallback=
  for name in python3 python3.11 python3.12 python3.13 python3.14 /usr/bin/python3; do
    is_recent "$name" || continue
    if has_venv "$name"; then printf '%s\n' "$name"; return; fi
    fallback=${fallback:-$name}
  done
  printf '%s\n' "$fallback"
}

venv_packages() {  # the packages that give the interpreter $1 its venv and ensurepip, where a package can
  case $("$1" -c 'import sys; print(sys.executable)') in
    /usr/bin/*) "$1" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])' ;;
    *) die "$1 has no ensurepip and is not from a package: use a complete Python 3.11 or newer" ;;
  esac
}

missing_packages() {
  local tool
  for tool in "$@"; do
    command -v "${tool%%:*}" >/dev/null || printf '%s\n' "${tool##*:}"
  done
}

install_packages() {
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null && root=(sudo -n) || root=(none)
  fi
  if ! command -v apt-get >/dev/null; then die "install these, then try again: $*"; fi
  if [ "${root[0]-}" = none ]; then die "install these, then try again: sudo apt-get install $*"; fi
  local apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a
             apt-get -q -o DPkg::Lock::Timeout=600 -o APT::Acquire::Retries=3)
  local log; log=$(mktemp)
  say "installing system packages: $*"
  # A source of packages that is down does not matter when the others have what is needed.
  "${apt[@]}" update >"$log" 2>&1 </dev/null || say "apt-get update failed, going on with the known packages"
  case " $* " in *" openssh-server "*) keep_ssh_off "${root[@]}" ;; esac
  if ! "${apt[@]}" install -y --no-install-recommends "$@" >>"$log" 2>&1 </dev/null; then
    cat "$log" >&2; rm -f "$log"; die "apt-get could not install: $*"
  fi
  rm -f "$log"
}

# The tests start an sshd of their own on a loopback port. The package would start one that the network reaches, now and at
# each boot, on a machine that had none: services are refused while it is installed, and this one is not enabled afterwards.
keep_ssh_off() {
  local policy=/usr/sbin/policy-rc.d undo=true
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "$@" tee "$policy" >/dev/null
    "$@" chmod 755 "$policy"
    undo="$* rm -f $policy"
  fi
  trap "{ $undo; ! command -v systemctl || $* systemctl disable ssh.service ssh.socket; } >/dev/null 2>&1 || true" EXIT
}

has_pip() { "$venv/bin/python" -m pip --version >/dev/null 2>&1; }

make_venv() {
  if is_recent "$venv/bin/python" && has_pip; then return; fi
  if [ -e "$venv" ] && [ ! -e "$venv/pyvenv.cfg" ]; then die "$venv is there and is no virtual environment: move it away"; fi
  say "making $venv with $("$1" --version)"
  "$1" -m venv --clear "$venv"
}

# What an installation depends on: the metadata, where this folder lies (an editable install and scripts name it), Python.
key_of() { { sha256sum <pyproject.toml; pwd -P; "$venv/bin/python" -VV; } 2>/dev/null | sha256sum | cut -d' ' -f1; }

is_installed() {  # for the mode $1; dev holds all that demo needs
  local mode key
  is_recent "$venv/bin/python" || return 1
  key=$(key_of)
  for mode in "$1" dev; do
    if [ "$(cat "$venv/.reprun-$mode" 2>/dev/null)" = "$key" ]; then return 0; fi
  done
  return 1
}

install_reprun() {
  local what=.
  [ "$1" = demo ] || what=".[$1]"
  say "installing Python packages into $venv (a minute or two)"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --editable "$what" </dev/null \
    || die "pip could not install reprun's packages (see above)"
  key_of >"$venv/.reprun-$1"
}

tools=(git:git tmux:tmux)
case $mode in
  demo) ;;
  dev) tools+=(ps:procps git-lfs:git-lfs ssh:openssh-client sshd:openssh-server tcsh:tcsh fish:fish zsh:zsh ip:iproute2 faketime:faketime gcc:build-essential) ;;
  *) die "usage: scripts/setup.sh demo|dev" ;;
esac

mapfile -t packages < <(missing_packages "${tools[@]}")
python=
if ! is_recent "$venv/bin/python"; then
  python=$(find_python)
  [ -n "$python" ] || die "Python 3.11 or newer is needed (python3 is $(python3 --version 2>&1 || true)): install it, then try again"
  if ! has_venv "$python"; then package=$(venv_packages "$python"); packages+=("$package"); fi
fi
if [ "${#packages[@]}" -gt 0 ]; then install_packages "${packages[@]}"; fi
is_installed "$mode" || { make_venv "${python:-$(find_python)}"; install_reprun "$mode"; }
if [ "$mode" = dev ]; then
  scripts/old_tools.sh "$venv/old" || say "no git 2.25, Python 3.8 and 3.6 here: tests that want them are skipped, in CI they fail"
fi
