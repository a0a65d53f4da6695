#!/usr/bin/env bash
# Checks that `make demo` and `make test` pass on a fresh system: a minimal Debian in build/test-fresh/DISTRO with only
# the README's prerequisites and a clone of HEAD. Packages come from this machine's apt mirror and pip index; its
# certificates and proxies are used too.
#
# Usage: scripts/test_fresh.sh DISTRO [MAKE_TARGET ...]
#   DISTRO        a release that debootstrap knows: bookworm, trixie
#   MAKE_TARGET   targets to make, in this order (default: demo test)
# Environment:
#   CMAKE_BUILD_PARALLEL_LEVEL, CI   passed on to the builds
#   SEPCONV_FRESH_REUSE=1            reuses the root of an earlier run; quick, but no longer a fresh system
# The root is kept for inspection: chroot build/test-fresh/DISTRO/root.
# Exit status: 0 all passed, 1 a make target failed, 2 invalid usage, 3 the root could not be made.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly givens=(git make python3 g++)
readonly distro=${1:-}
targets=("${@:2}")
((${#targets[@]} > 0)) || targets=(demo test)
readonly folder=$root/build/test-fresh/$distro
readonly chroot_dir=$folder/root
readonly log=$folder/setup.log

fail() {
  printf 'test-fresh: %s\n' "$*" >&2
  exit 3
}

# step NAME COMMAND...: runs the command, and prints the name and the time that it took.
step() {
  local name=$1 start=$SECONDS status=0
  shift
  printf 'test-fresh: %s: %s ...\n' "$distro" "$name"
  "$@" || status=$?
  printf 'test-fresh: %s: %s: %d min %02d s, exit status %d\n' "$distro" "$name" \
    $(((SECONDS - start) / 60)) $(((SECONDS - start) % 60)) "$status"
  return "$status"
}

logged() {
  if ! "$@" >>"$log" 2>&1 </dev/null; then
    tail -n 15 "$log" >&2
    return 1
  fi
}

# The mirror that this machine's apt has Debian from.
mirror() {
  # shellcheck disable=SC2016  # $(...) are apt's own fields
  apt-get indextargets --format '$(ORIGIN) $(LABEL) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    sed -n 's/^Debian Debian main //p' | head -n 1
}

# What this machine sets for apt's downloads, pip and certificates.
copy_network_settings() {
  local file
  cp --dereference /etc/resolv.conf /etc/hosts "$chroot_dir/etc/"
  for file in /etc/pip.conf "$HOME/.config/pip/pip.conf" "$HOME/.pip/pip.conf"; do
    if [[ -f $file ]]; then
      cp "$file" "$chroot_dir/etc/pip.conf"
    fi
  done
  mkdir -p "$chroot_dir/etc/apt/apt.conf.d"
  apt-config dump | grep -E '^Acquire::(https?|ftp|Retries|AllowInsecure)' \
    >"$chroot_dir/etc/apt/apt.conf.d/99test-fresh" || true
}

# Files that settings of this machine name: certificates, and folders of wheels.
copy_named_files() {
  local path
  mkdir -p "$chroot_dir/etc/ssl" "$chroot_dir/usr/local/share"
  for path in /etc/ssl/certs /usr/local/share/ca-certificates ${SSL_CERT_FILE:-} ${PIP_CERT:-} ${REQUESTS_CA_BUNDLE:-} \
    ${CURL_CA_BUNDLE:-} ${GIT_SSL_CAINFO:-} ${PIP_FIND_LINKS:-}; do
    if [[ -e $path && ! -e $chroot_dir$path ]]; then
      mkdir -p "$(dirname "$chroot_dir$path")"
      cp --dereference --recursive "$path" "$chroot_dir$path"
    fi
  done
}

mount_file_systems() {
  mkdir -p "$chroot_dir/proc" "$chroot_dir/sys" "$chroot_dir/dev/pts" "$chroot_dir/dev/shm"
  mount -t proc proc "$chroot_dir/proc" && mount --bind /dev "$chroot_dir/dev" || return
  # OpenCL's driver asks it for the processors and the memory.
  mount --rbind /sys "$chroot_dir/sys" || return
  mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$chroot_dir/dev/pts" || return
  mount -t tmpfs tmpfs "$chroot_dir/dev/shm"
}

# inside COMMAND...: runs it in the chroot with a login's environment, and this machine's for networks and builds.
inside() {
  local names name passed=()
  local pattern='^(PIP_.*|.*_(proxy|PROXY)|SSL_CERT_.*|.*_CA_BUNDLE|GIT_SSL_CAINFO|CMAKE_BUILD_PARALLEL_LEVEL|CI)$'
  names=$(compgen -e)
  for name in $names; do
    if [[ $name =~ $pattern ]]; then
      passed+=("$name=${!name}")
    fi
  done
  chroot "$chroot_dir" /usr/bin/env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 TERM=dumb "${passed[@]}" "$@"
}

make_root() {
  local from
  from=$(mirror)
  if [[ -z $from ]]; then
    fail 'apt of this machine knows no Debian mirror; run apt-get update, or see /etc/apt/sources.list'
  fi
  logged debootstrap --variant=minbase "$distro" "$chroot_dir" "$from" || return
  printf 'deb %s %s main\n' "$from" "$distro" >"$chroot_dir/etc/apt/sources.list"
  copy_network_settings && copy_named_files
}

install_givens() {
  logged inside apt-get -q update &&
    logged inside env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${givens[@]}"
}

clone_head() {
  rm -rf "$chroot_dir/root/sepconv"
  logged git clone --no-hardlinks "$root" "$chroot_dir/root/sepconv" &&
    logged git -C "$chroot_dir/root/sepconv" checkout --detach "$(git -C "$root" rev-parse HEAD)"
}

check_use() {
  if [[ ! $distro =~ ^[a-z]+$ ]]; then
    printf 'test-fresh: usage: make test-fresh DISTRO=trixie (or bookworm)\n' >&2
    exit 2
  fi
  if ((EUID != 0)); then
    fail 'only root can make a chroot; run as root'
  fi
  if ! command -v debootstrap >/dev/null; then
    printf 'test-fresh: installing debootstrap\n'
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y debootstrap >/dev/null ||
      fail 'apt-get install debootstrap failed'
  fi
  if [[ ! -e /usr/share/debootstrap/scripts/$distro ]]; then
    printf 'test-fresh: debootstrap knows no release %s\n' "$distro" >&2
    exit 2
  fi
}

main() {
  check_use
  mkdir -p "$folder"
  # A mount namespace of its own: every mount goes with this process, however it ends.
  if [[ ${SEPCONV_FRESH_NAMESPACE:-} != "$PPID" ]]; then
    unshare --mount --propagation private true 2>/dev/null ||
      fail 'this machine refuses mounts; a chroot needs /proc, /sys and /dev'
    SEPCONV_FRESH_NAMESPACE=$$ unshare --mount --propagation private "${BASH_SOURCE[0]}" "$distro" "${targets[@]}"
    exit
  fi
  if [[ ${SEPCONV_FRESH_REUSE:-0} != 1 ]]; then
    rm -rf --one-file-system "$chroot_dir"
    : >"$log"
    step 'minimal root' make_root || fail "debootstrap failed; see $log"
  fi
  mount_file_systems || fail "this machine refuses mounts below $chroot_dir; a chroot needs /proc, /sys and /dev"
  step "install ${givens[*]}" install_givens || fail "the givens could not be installed; see $log"
  step 'clone of HEAD' clone_head || fail "git clone failed; see $log"
  local target status=0
  for target in "${targets[@]}"; do
    step "make $target" inside make -C /root/sepconv "$target" || status=1
  done
  exit "$status"
}

main
