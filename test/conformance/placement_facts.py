"""Voxel count and centroid (LPS millimetres) of every label in the NRRD files of a folder, as JSON.

Usage: python placement_facts.py FOLDER
dcmqi writes one file per segment or per group, with the segment numbers as labels, and a JSON file beside them.
"""

import json
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk

facts = {}
for path in sorted(Path(sys.argv[1]).glob("*.nrrd")):
    image = sitk.ReadImage(str(path))
    labels = sitk.GetArrayFromImage(image)
    direction = np.array(image.GetDirection()).reshape(3, 3)
    matrix = direction @ np.diag(image.GetSpacing())
    for label in np.unique(labels[labels > 0]):
        k, j, i = np.nonzero(labels == label)
        centre = np.array(image.GetOrigin()) + matrix @ np.array([i.mean(), j.mean(), k.mean()])
        facts[int(label)] = {"voxels": int(i.size), "centroid": [float(v) for v in centre]}
json.dump(facts, sys.stdout)
