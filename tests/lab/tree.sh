#!/usr/bin/env bash
# Sets up the next Debian with its Ceph in a directory of its own:  tests/lab/tree.sh DIR
#
# DIR is then what MSGR_CEPH_18 names. Works as root, with debootstrap, in a minute and 1 GB; a finished tree is used
# again, and what an older one lacks is added. What it mounts is seen by nobody else, and gone when it ends.
set -euo pipefail

readonly suite=trixie
readonly packages=(ceph-mon ceph-mgr ceph-osd ceph-common ceph-base ceph-test tshark)
readonly programs=(ceph-mon ceph-mgr ceph-osd ceph rados ceph-dencoder tshark)
readonly public_mirror=http://deb.debian.org/debian

say() {
    printf 'tree: %s\n' "$*"
}

in_tree() {
    local tree=$1
    shift
    env LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$tree" "$@"
}

# Maintainer scripts may fail for want of systemd. What counts is that the programs run.
is_finished() {
    local program
    [ -x "$1/usr/bin/ceph_perf_msgr_server" ] || return 1
    for program in "${programs[@]}"; do
        in_tree "$1" "$program" --version >/dev/null 2>&1 || in_tree "$1" "$program" version >/dev/null 2>&1 || return 1
    done
}

# Where this machine gets its own Debian from, if that is by HTTP.
mirror() {
    local release found=
    release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    if [ "$(. /etc/os-release && echo "${ID:-}")" = debian ]; then
        found=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' \
            | awk -v release="$release" '$1 == release && $2 == "main" && $3 ~ /^https?:/ { print $3; exit }')
    fi
    echo "${found:-$public_mirror}"
}

# This machine's proxies, certificates and patience, in the words of apt's configuration; and as a throw-away machine's
# clock may be wrong by years, no release file is too old or too new.
apt_settings() {
    apt-config dump --no-empty | grep -E '^Acquire::(https?::|ForceIPv|Retries)' || true
    echo 'Acquire::Check-Valid-Until "false";'
    echo 'Acquire::Check-Date "false";'
    echo 'Acquire::Languages "none";'
}

# debootstrap downloads with wget, which goes by the environment.
proxies_for_wget() {
    local proxy scheme
    for scheme in http https; do
        eval "$(apt-config shell proxy "Acquire::$scheme::Proxy")"
        if [ -n "${proxy:-}" ] && [ "$proxy" != DIRECT ]; then export "${scheme}_proxy=$proxy"; fi
        proxy=
    done
}

# Certificates that this machine trusts, and files which the settings name, have to be where apt in the tree looks.
copy_certificates() {
    local tree=$1 file
    { echo /etc/ssl/certs/ca-certificates.crt; apt_settings | sed -n 's|^[^"]*"\(/[^"]*\)";$|\1|p'; } \
        | while read -r file; do
            if [ -f "$file" ]; then install -D --mode=600 "$file" "$tree$file"; fi
            if [ -f "$file" ] && [ "${file##*.}" = crt ]; then chmod 644 "$tree$file"; fi
        done
}

# Installs the packages in a tree that debootstrap made.
complete() {
    local tree=$1
    mount --rbind /proc "$tree/proc"
    mount --rbind /dev "$tree/dev"
    apt_settings >"$tree/etc/apt/apt.conf.d/99lab"
    copy_certificates "$tree"
    say "apt-get install ${packages[*]}"
    in_tree "$tree" apt-get -qq update >>"$tree.log" 2>&1 || { tail -n 20 "$tree.log" >&2; exit 1; }
    in_tree "$tree" apt-get -qq install --no-install-recommends "${packages[@]}" >>"$tree.log" 2>&1 \
        || say "a maintainer script failed, which may not matter"
    in_tree "$tree" apt-get clean
    is_finished "$tree" || { tail -n 20 "$tree.log" >&2; echo "tree: its programs do not run" >&2; exit 1; }
}

build() {
    local tree=$1 from
    from=$(mirror)
    say "debootstrap $suite from $from"
    proxies_for_wget
    debootstrap --variant=minbase "$suite" "$tree" "$from" >"$tree.log" 2>&1 \
        || { tail -n 20 "$tree.log" >&2; exit 1; }
    echo "deb $from $suite main" >"$tree/etc/apt/sources.list"
    printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"  # nothing that is installed starts a service
    chmod 755 "$tree/usr/sbin/policy-rc.d"
    printf '%s\n' force-unsafe-io 'path-exclude=/usr/share/doc/*' 'path-exclude=/usr/share/man/*' \
        >"$tree/etc/dpkg/dpkg.cfg.d/lab"
    complete "$tree"
}

# A process of its own, in a mount namespace of its own.
if [ "${1:-}" = --build ] || [ "${1:-}" = --complete ]; then
    "${1#--}" "$2"
    exit
fi

[ $# = 1 ] || { echo "usage: $0 DIR" >&2; exit 2; }
mkdir -p -- "$(dirname -- "$1")"
tree=$(cd -- "$(dirname -- "$1")" && pwd)/$(basename -- "$1")
if is_finished "$tree"; then
    say "$tree is finished: $(in_tree "$tree" ceph-mon --version)"
    exit
fi
if [ -e "$tree/etc/dpkg/dpkg.cfg.d/lab" ]; then  # made by an older version of this file
    unshare --mount -- "${BASH_SOURCE[0]}" --complete "$tree"
    rm -f -- "$tree.log"
    say "$tree is finished: $(in_tree "$tree" ceph-mon --version)"
    exit
fi
if [ -e "$tree" ] && [ -n "$(ls -A -- "$tree")" ]; then
    echo "tree: $tree holds something else" >&2
    exit 1
fi
rm -rf --one-file-system -- "$tree.partial"
mkdir "$tree.partial"
unshare --mount -- "${BASH_SOURCE[0]}" --build "$tree.partial"
rm -rf -- "$tree" "$tree.partial.log"
mv -- "$tree.partial" "$tree"
say "$tree is finished: $(in_tree "$tree" ceph-mon --version)"
