#!/bin/sh
# Makes .venv and, where it may, the system packages. Run by make; quick when all is there.
set -eu
cd "$(dirname "$0")/.."

fits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    for name in python3.11 python3.12 python3.13 python3 python; do
        if fits "$name"; then echo "$name"; return; fi
    done
    echo "dicomlab needs Python 3.11 or newer, and none was found: install it, then try again." >&2
    return 1
}

make_venv() {
    fits .venv/bin/python && return
    python=$(find_python)
    "$python" -c 'import ensurepip' 2>/dev/null || {
        echo "$python cannot make virtual environments: apt-get install python3-venv, then try again." >&2
        return 1
    }
    "$python" -m venv --clear .venv
}

# command | Debian package | what does not work without it
wanted() {
    cat <<LIST
tshark|tshark|live capture and Wireshark's second opinion (recordings go through the relay)
chromium|chromium|the browser test
echoscu|dcmtk|the tests against DCMTK
gdcmscu|libgdcm-tools|the tests against GDCM
LIST
}

missing() {
    wanted | while IFS='|' read -r command package lost; do
        command -v "$command" >/dev/null 2>&1 || echo "$package|$lost"
    done
}

install_packages() {
    packages=$(missing | cut -d'|' -f1)
    [ -n "$packages" ] || return 0
    command -v apt-get >/dev/null 2>&1 || return 0
    if [ "$(id -u)" = 0 ]; then as_root=env
    elif sudo -n true 2>/dev/null; then as_root="sudo -n env"
    else return 0
    fi
    # noninteractive: Debian's tshark asks who may capture, and takes the default (root)
    apt="$as_root DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0"
    $apt update >.venv/apt.log 2>&1 </dev/null || true
    for package in $packages fonts-dejavu-core; do
        echo "Installing $package ..."
        $apt install -y --no-install-recommends "$package" >>.venv/apt.log 2>&1 </dev/null ||
            echo "apt-get could not install $package: see .venv/apt.log" >&2
    done
}

make_venv
install_packages
echo "Installing dicomlab and what it needs into .venv ..."
.venv/bin/python -m pip --disable-pip-version-check --quiet install --editable '.[test]'
.venv/bin/python -m compileall -q dicomlab
missing | while IFS='|' read -r package lost; do
    echo "Not here: $package. Without it does not work: $lost."
done
touch .venv/ready
