#!/bin/sh
# Makes the virtual environment with the first fitting Python, and installs a requirements file.
# Usage: make_venv.sh VENV REQUIREMENTS
set -eu
venv=$1
requirements=$2

fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

# One that was made by another Python, or only in part, is made anew.
if [ -e "$venv" ] && ! { fits "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1; }; then
    rm -rf "$venv"
fi

if [ ! -x "$venv/bin/python" ]; then
    found=
    for python in python3.13 python3.12 python3.11 python3; do
        if command -v "$python" >/dev/null && fits "$python"; then
            found=$python
            break
        fi
    done
    if [ -n "$found" ]; then
        echo "Making $venv with $($found --version)."
        "$found" -m venv "$venv"
    elif command -v uv >/dev/null; then
        echo "Making $venv with uv."
        uv venv --quiet --seed --python '>=3.11,<3.14' "$venv"
    else
        echo "Python 3.11, 3.12 or 3.13 is needed, and none was found: install one of them (on a" \
            "Mac: brew install python@3.13), or uv, and run make again." >&2
        exit 1
    fi
fi

echo "Installing $requirements (once)."
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
# Compiled now, so that the first start is as quick as every later one.
"$venv/bin/python" -m compileall -q src brokers utils scripts
