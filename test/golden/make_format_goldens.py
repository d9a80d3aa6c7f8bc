"""Makes the fixtures of format-goldens.test.ts with reference software: small NIfTI and NRRD files and what they mean.

python -m venv .venv && .venv/bin/pip install nibabel==5.3.2 SimpleITK==2.5.2 pynrrd==1.1.3 numpy==2.3.5
.venv/bin/python test/golden/make_format_goldens.py

Expected affines are LPS, row-major; voxels are listed with i fastest. With `--judge FOLDER` the files that our writers left
there (`npx vitest run test/golden/format-goldens.test.ts` with SAMREFINE_JUDGE=FOLDER) are read by the same software and
compared with the JSON beside them.
"""
import json
import sys
from pathlib import Path

import nibabel as nib
import nrrd
import numpy as np
import SimpleITK as sitk

OUT = Path(__file__).parent / "formats"
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def rotation(x, y, z):
    cx, sx, cy, sy, cz, sz = np.cos(x), np.sin(x), np.cos(y), np.sin(y), np.cos(z), np.sin(z)
    rx = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    ry = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    rz = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return rz @ ry @ rx


def affine(angles, spacing, origin, flip=1):
    out = np.eye(4)
    out[:3, :3] = rotation(*angles) @ np.diag([spacing[0], spacing[1], flip * spacing[2]])
    out[:3, 3] = origin
    return out


def expected(lps, voxels):
    return {
        "size": list(voxels.shape),
        "indexToPatient": [float(v) for v in np.asarray(lps).ravel()],
        "voxels": [float(v) for v in voxels.ravel(order="F")],
    }


def sitk_affine(image):
    out = np.eye(4)
    d = np.array(image.GetDirection()).reshape(3, 3)
    out[:3, :3] = d @ np.diag(image.GetSpacing())
    out[:3, 3] = image.GetOrigin()
    return out


def make():
    OUT.mkdir(exist_ok=True)
    rng = np.random.default_rng(7)
    cases = {}
    ras = affine((0.3, -0.5, 1.1), (0.7, 1.3, 2.5), (12.5, -40.25, 7))

    image = nib.Nifti1Image(rng.integers(-1000, 1000, (4, 3, 5)).astype(np.int16), ras)
    image.header.set_slope_inter(0.5, -10)
    nib.save(image, OUT / "nibabel-int16-scaled.nii.gz")

    big = nib.Nifti1Image(rng.normal(size=(3, 4, 2)), ras, nib.Nifti1Header(endianness=">"))
    nib.save(big, OUT / "nibabel-float64-big-endian.nii")

    flipped = affine((-0.2, 0.4, 0.9), (1, 2, 3), (-5, 6, 7), flip=-1)
    qform = nib.Nifti1Image(rng.integers(0, 255, (5, 2, 3)).astype(np.uint8), None)
    qform.set_qform(flipped, code=1)
    qform.set_sform(None, code=0)
    nib.save(qform, OUT / "nibabel-qform-only.nii.gz")

    wide = nib.Nifti1Image(rng.integers(0, 2**31 - 1, (2, 3, 2)).astype(np.int64), ras, dtype=np.int64)
    nib.save(wide, OUT / "nibabel-int64.nii.gz")

    for name in ["nibabel-int16-scaled.nii.gz", "nibabel-float64-big-endian.nii", "nibabel-qform-only.nii.gz", "nibabel-int64.nii.gz"]:
        read = nib.load(OUT / name)
        cases[name] = expected(LPS @ read.affine, read.get_fdata())

    volume = sitk.GetImageFromArray(rng.integers(0, 4000, (4, 3, 2)).astype(np.uint16))
    volume.SetSpacing((0.8, 0.9, 3.3))
    volume.SetOrigin((-100.5, 20, 33.25))
    volume.SetDirection(rotation(0.1, 0.7, -0.4).ravel().tolist())
    for name in ["simpleitk-uint16.nii.gz", "simpleitk-uint16.nrrd"]:
        sitk.WriteImage(volume, str(OUT / name), useCompression=True)
        read = sitk.ReadImage(str(OUT / name))
        cases[name] = expected(sitk_affine(read), sitk.GetArrayFromImage(read).transpose(2, 1, 0))

    # A layered segmentation as 3D Slicer lays it out: list axis first, label values per layer.
    layers = np.zeros((2, 3, 4, 2), np.uint8)
    layers[0, 0:2, 1:3, 0] = 1
    layers[0, 2, 0, 1] = 2
    layers[1, 1:3, 1:4, :] = 1
    header = {
        "space": "left-posterior-superior",
        "space directions": np.array([[np.nan] * 3, [0.5, 0, 0], [0, 0.5, 0], [0, 0, 2]]),
        "space origin": np.array([1.0, 2.0, 3.0]),
        "kinds": ["list", "domain", "domain", "domain"],
        "encoding": "gzip",
    }
    for index, (name, layer, value) in enumerate([("Tumour", 0, 1), ("Cyst", 0, 2), ("Kidney", 1, 1)]):
        header |= {
            f"Segment{index}_ID": f"Segment_{index + 1}",
            f"Segment{index}_Name": name,
            f"Segment{index}_Color": "1 0.5019607843137255 0",
            f"Segment{index}_Layer": str(layer),
            f"Segment{index}_LabelValue": str(value),
            f"Segment{index}_Tags": "Segmentation.Status:inprogress|TerminologyEntry:x~SCT^49755003^Morphologically Altered Structure~SCT^4147007^Mass~^^~y~^^~^^|",
        }
    nrrd.write(str(OUT / "pynrrd-layers.seg.nrrd"), layers, header)
    masks = [layers[0] == 1, layers[0] == 2, layers[1] == 1]
    cases["pynrrd-layers.seg.nrrd"] = {
        "size": [3, 4, 2],
        "indexToPatient": [0.5, 0, 0, 1, 0, 0.5, 0, 2, 0, 0, 2, 3, 0, 0, 0, 1],
        "segments": [
            {"label": name, "voxels": [int(v) for v in mask.ravel(order="F")]}
            for name, mask in zip(["Tumour", "Cyst", "Kidney"], masks)
        ],
    }
    versions = {"nibabel": nib.__version__, "SimpleITK": sitk.__version__, "pynrrd": nrrd.__version__, "numpy": np.__version__}
    (OUT / "expected.json").write_text(json.dumps({"versions": versions, "cases": cases}) + "\n")


def judge(folder):
    wrong = 0
    for meaning in sorted(Path(folder).glob("*.json")):
        want = json.loads(meaning.read_text())
        file = meaning.with_suffix("")
        lps = np.array(want["indexToPatient"]).reshape(4, 4)
        voxels = np.array(want["voxels"]).reshape(want["size"], order="F")
        image = sitk.ReadImage(str(file))
        readings = {"SimpleITK": (sitk_affine(image), sitk.GetArrayFromImage(image))}
        if image.GetNumberOfComponentsPerPixel() == 1:
            readings["SimpleITK"] = (readings["SimpleITK"][0], readings["SimpleITK"][1].transpose(2, 1, 0))
        if ".nii" in file.name:
            read = nib.load(file)
            readings["nibabel"] = (LPS @ read.affine, np.asarray(read.dataobj))
        for software, (found, values) in readings.items():
            place = np.abs(found - lps).max()
            differing = int((values != voxels).sum()) if values.shape == voxels.shape else -1
            ok = place < 1e-3 and differing == 0
            wrong += not ok
            print(f"{'ok  ' if ok else 'BAD '} {file.name:28s} {software:10s} affine error {place:.1e} mm, differing voxels {differing}")
    print(f"{wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(judge(sys.argv[2]) if sys.argv[1:2] == ["--judge"] else make())
