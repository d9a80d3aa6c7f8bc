"""Checks that every SNOMED CT code of the bundled dictionary is one that DICOM's context groups use.

Usage: .venv-judges/bin/python test/conformance/check_concepts.py
pydicom carries the codes of PS3.16. Prints what is not there, and fails for it.
"""

import re
import sys
from pathlib import Path

from pydicom.sr._concepts_dict import concepts

source = Path(__file__).resolve().parents[2] / "packages/dicom/src/concepts/concept-data.ts"
known = {code for meanings in concepts["SCT"].values() for code in meanings}
used = re.findall(r'^\s*(?:\["|.*sct\(")(\d+)", "([^"]+)"', source.read_text(), flags=re.M)
missing = [(code, meaning) for code, meaning in used if code not in known]
for code, meaning in missing:
    print(f"not in PS3.16: {code} {meaning}")
print(f"{len(used)} concepts, {len(missing)} unknown")
sys.exit(1 if missing or len(used) < 150 else 0)
