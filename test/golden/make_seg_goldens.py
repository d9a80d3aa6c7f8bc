"""Writes test/golden/seg/segmentations.json: what pydicom and highdicom read in segmentations of other writers.

Usage: .venv-judges/bin/python test/golden/make_seg_goldens.py DATA
DATA is the folder of the real data; only digests, counts and geometry are written.
"""

import json
import sys
from pathlib import Path

import highdicom
import pydicom

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "conformance"))
from segmentation_facts import facts_of  # noqa: E402

SEGMENTATION = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")

root = Path(sys.argv[1]) / "dicom"
files = {}
for path in sorted(p for p in root.rglob("*") if p.is_file() and p.suffix in ("", ".dcm")):
    if pydicom.dcmread(path, stop_before_pixels=True).SOPClassUID in SEGMENTATION:
        files[path.relative_to(root).as_posix()] = facts_of(path)

target = here / "seg" / "segmentations.json"
target.parent.mkdir(exist_ok=True)
target.write_text(
    json.dumps({"pydicom": pydicom.__version__, "highdicom": highdicom.__version__, "files": files}, indent=1) + "\n"
)
print(f"{len(files)} segmentations")
