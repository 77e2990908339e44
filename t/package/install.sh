#!/bin/bash
#
# Builds the package and has t/package/guest use it, in a Debian of its own
# that systemd-nspawn boots: a root file system from the archive this machine
# uses, kept for a day in $BUILD/package, a network with nothing but loopback.

set -uo pipefail

cd "$(dirname "$0")/../.." || exit 1

if [ "$(id -u)" -ne 0 ]; then
    echo "1..0 # SKIP only root can boot a system of its own"
    exit 0
fi

build=${BUILD:-$PWD/build}
base=$build/package/base.tar
fresh=$build/package/new.tar
n=0 failed=0

result() {
    n=$((n + 1))

    if [ "$1" -eq 0 ]; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"
        failed=1
        [ ! -s "${3:-}" ] || tail -n 40 "$3" | sed 's/^/# /'
    fi
}

finish() {
    echo "1..$n"
    exit $failed
}

skip() {
    echo "ok $((n + 1)) # SKIP $1"
    n=$((n + 1))
    finish
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=$work/log

# --- the package ---

package=$(util/deb 2> "$log")
result $? "the package is built, and lintian finds no fault with it" "$log"

[ -f "$package" ] || finish

for page in man/*; do
    mandoc -Tlint -W warning "$page"
    man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 > /dev/null
done > "$log"

[ ! -s "$log" ]
result $? "mandoc and man find no fault with the manual pages" "$log"

# a package of the same files with a higher version

dpkg-deb -R "$package" "$work/second"
sed -i 's/^Version: .*/&+again/' "$work/second/DEBIAN/control"
dpkg-deb -Zgzip -b "$work/second" "$work/second.deb" > /dev/null

# --- a Debian of its own ---

. /etc/os-release

sources=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
              'Origin: Debian' 'Identifier: Packages' | sort -u)

[ -n "$sources" ] || skip "apt knows no Debian archive here, run apt-get update"

mkdir -p "$build/package"
find "$build/package" -name base.tar -mmin +1440 -delete

if [ ! -f "$base" ]; then

    # how this machine reaches the archive, proxies included

    apt-config dump | grep '^Acquire::\(http\|https\|Retries\|Check\)' \
        > "$work/apt.conf"

    if ! mmdebstrap --quiet --mode=root --variant=minbase --skip=cleanup/apt/lists \
         --aptopt="$work/apt.conf" \
         --include=systemd-sysv,nginx,logrotate,curl,jq,procps \
         "$VERSION_CODENAME" "$fresh" - <<< "$sources" > "$log" 2>&1
    then
        sed 's/^/# /' "$log"
        rm -f "$fresh"
        skip "no Debian can be installed from this machine's archive"
    fi

    mv "$fresh" "$base"
fi

root=$work/root
mkdir "$root"
tar -C "$root" -xf "$base"
mkdir "$root/package"

boot=(systemd-nspawn --quiet --register=no --keep-unit -D "$root")

if ! "${boot[@]}" --private-network /bin/true < /dev/null > "$log" 2>&1; then
    sed 's/^/# /' "$log"
    skip "systemd-nspawn cannot start anything here"
fi

bench/photo 4000x3000 "$work/upright.jpg" \
    && /usr/bin/python3 - "$work/upright.jpg" "$root/package/photo.jpg" << 'END'
import sys

from PIL import Image

photo = Image.open(sys.argv[1])
exif = photo.getexif()
exif[0x0112] = 6
photo.save(sys.argv[2], quality=90, exif=exif)
END
result $? "there is a photo, as a camera held upright saves it"

cp "$package" "$root/package/first.deb"
cp "$work/second.deb" "$root/package/second.deb"
cp t/package/guest contrib/systemd/nginx-caphealth-hardening.conf "$root/package/"

# docs/operations/postgresql.md as it is: its block, its directive, its command

page=docs/operations/postgresql.md

sed -n '/<!-- test: setup -->/,/^```$/p' $page | sed '1,2d;$d' \
    > "$root/package/postgresql-setup"
grep -m 1 '^caphealth_database ' $page > "$root/package/postgresql-directive"
sed -n 's/^\$ \(sudo -u www-data .* --check .*\)/\1/p' $page \
    > "$root/package/postgresql-check"

[ "$(wc -l < "$root/package/postgresql-check")" = 1 ] \
    && grep -q 'CREATE ROLE' "$root/package/postgresql-setup" \
    && grep -q 'pg_reload_conf' "$root/package/postgresql-setup"
result $? "$page has its block, its directive and its check"

cp t/package/guest.service "$root/etc/systemd/system/"
ln -s ../guest.service "$root/etc/systemd/system/multi-user.target.wants/"

# nothing happens because it is midnight

ln -s /dev/null "$root/etc/systemd/system/timers.target"

# what the package depends on is fetched with this machine's network; the rest
# has none

"${boot[@]}" --resolv-conf=replace-host /bin/sh -c '
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q update &&
    apt-get -q -y --download-only --no-install-recommends \
        -o APT::Keep-Downloaded-Packages=true install /package/first.deb \
        postgresql sudo
' < /dev/null > "$log" 2>&1
result $? "apt finds what the package depends on, and PostgreSQL" "$log"

timeout -k 10 600 "${boot[@]}" --private-network --boot < /dev/null > "$log" 2>&1

[ -s "$root/package/tap" ]
result $? "it boots" "$log"

while read -r line; do
    case $line in
        'ok - '*)     result 0 "${line#ok - }" ;;
        'not ok - '*) result 1 "${line#not ok - }" ;;
        done)         over=1 ;;
        *)            echo "$line" ;;
    esac
done < <(cat "$root/package/tap" 2> /dev/null)

[ "${over:-0}" -eq 1 ]
result $? "it ran to its end" "$root/package/errors"

finish
