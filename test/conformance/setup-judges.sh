#!/bin/sh
# Makes .venv-judges at the root: the Python software that reads our DICOM back. Needs python3 and a package index.
set -eu
cd "$(dirname "$0")/../.."
python3 -m venv .venv-judges
.venv-judges/bin/pip install --quiet --disable-pip-version-check -r test/conformance/requirements.txt
.venv-judges/bin/python -c 'import highdicom, pydicom; print("highdicom", highdicom.__version__, "pydicom", pydicom.__version__)'
