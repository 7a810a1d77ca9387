#!/bin/sh
# Makes .venv with Python 3.11 or newer and every wheel of requirements/dev.txt, checked by hash.
set -eu

find_python() {
    for name in python3.11 python3.12 python3.13 python3; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    echo "Python 3.11 or newer is needed: install it, on Debian with: apt-get install python3" >&2
    exit 1
}

install_venv_module() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "    installing Debian's python3-venv"
        apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null
    else
        echo "Python's venv module is missing: on Debian, apt-get install python3-venv" >&2
        exit 1
    fi
}

python=$(find_python)
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    install_venv_module
fi
echo "    $("$python" --version) at $python"
"$python" -m venv --clear .venv
# pip's own progress bar shows on a terminal and stays silent elsewhere.
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
    -r requirements/dev.txt
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
    --no-build-isolation --editable .
