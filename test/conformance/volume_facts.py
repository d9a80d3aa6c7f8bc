"""What SimpleITK, nibabel and pynrrd read in NIfTI and seg.nrrd files, as JSON.

Usage: python volume_facts.py FILE...
Per file and software: the affine (index to LPS millimetres, row-major) and, per label, the number of voxels and a digest of the
mask with i fastest. In a seg.nrrd the labels are the places of its segments, 1, 2, ...
"""

import hashlib
import json
import sys

import nibabel as nib
import nrrd
import numpy as np
import SimpleITK as sitk

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def facts(affine, masks):
    """masks: label -> array in i, j, k order."""
    return {
        "affine": [float(value) for value in np.asarray(affine).ravel()],
        "labels": {
            str(label): {
                "voxels": int(np.count_nonzero(mask)),
                "sha256": hashlib.sha256(np.asarray(mask).astype(np.uint8).ravel(order="F").tobytes()).hexdigest(),
            }
            for label, mask in masks.items()
            if np.any(mask)
        },
    }


def by_label(voxels):
    return {int(label): voxels == label for label in np.unique(voxels) if label != 0}


def segments_of(header, voxels):
    """voxels: layer, i, j, k. A segment is a value in a layer."""
    masks = {}
    while f"Segment{len(masks)}_ID" in header:
        key = f"Segment{len(masks)}"
        masks[len(masks) + 1] = voxels[int(header[f"{key}_Layer"])] == int(header[f"{key}_LabelValue"])
    return masks


def by_simpleitk(path):
    image = sitk.ReadImage(path)
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) @ np.diag(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    values = sitk.GetArrayFromImage(image)
    if not path.endswith(".seg.nrrd"):
        return facts(affine, by_label(values.transpose(2, 1, 0)))
    layers = values[..., np.newaxis] if values.ndim == 3 else values
    header = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    return facts(affine, segments_of(header, layers.transpose(3, 2, 1, 0)))


def by_nibabel(path):
    image = nib.load(path)
    return facts(RAS_TO_LPS @ image.affine, by_label(np.asarray(image.dataobj)))


def by_pynrrd(path):
    values, header = nrrd.read(path)
    affine = np.eye(4)
    affine[:3, :3] = np.array(header["space directions"])[-3:].T
    affine[:3, 3] = header["space origin"]
    if header["space"] != "left-posterior-superior":
        raise ValueError(f"space {header['space']}")
    return facts(affine, segments_of(header, values if values.ndim == 4 else values[np.newaxis]))


json.dump(
    {
        path: {"SimpleITK": by_simpleitk(path)}
        | ({"pynrrd": by_pynrrd(path)} if path.endswith(".nrrd") else {"nibabel": by_nibabel(path)})
        for path in sys.argv[1:]
    },
    sys.stdout,
)
