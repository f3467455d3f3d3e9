#!/bin/sh
# Installs ftp-stream as a service of systemd, or upgrades it: sudo ./install-service.sh [--help]
# Here is only what must be known before Python can run; the rest is in src/ftp_stream/install.
set -eu
umask 022
cd -P "$(dirname "$0")"

refuse() {
    echo "Nothing was changed: $1" >&2
    exit 2
}

looks_only=
for argument; do
    case $argument in
        --dry-run | --help | -h) looks_only=yes ;;
    esac
done

if [ -z "$looks_only" ]; then
    [ -d /run/systemd/system ] || refuse "no systemd: this machine was not started by it (see README.md for other ways)"
    [ "$(id -u)" -eq 0 ] || refuse "not root: sudo ./install-service.sh"
fi

# What lies in somebody's home is hidden from the service
fitting='import sys; sys.exit(sys.version_info < (3, 11) or sys.base_prefix.startswith(("/home/", "/root/")))'
python=
for candidate in ${PYTHON:-} python3 /usr/bin/python3 python3.14 python3.13 python3.12 python3.11; do
    if "$candidate" -c "$fitting" 2>/dev/null; then
        python=$(command -v "$candidate")
        break
    fi
done
[ -n "$python" ] || refuse "no Python 3.11 or newer outside of home directories: sudo apt install python3 python3-venv"

# Whoever owns the clone installs into it: no file of root's is left in there
as_owner() {
    owner=$(stat -c %U .)
    [ "$owner" != UNKNOWN ] || refuse "this clone belongs to a user without a name: sudo chown -R YOU $(pwd -P)"
    if [ "$(id -un)" = "$owner" ] || [ "$(id -u)" -ne 0 ]; then
        "$@"
    else
        runuser -u "$owner" -- env HOME="$(getent passwd "$owner" | cut -d: -f6)" "$@"
    fi
}
as_owner "$python" scripts/bootstrap.py
exec .venv/bin/python -B -m ftp_stream.install --source "$(pwd -P)" --python "$python" "$@"
