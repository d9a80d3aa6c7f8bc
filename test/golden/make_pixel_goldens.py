"""Writes test/golden/pixels: one small image in every transfer syntax, and the values that pydicom reads in each.

Usage: python test/golden/make_pixel_goldens.py [DATA]
Needs pydicom, pylibjpeg-libjpeg, pylibjpeg-openjpeg and pyjpegls, the programs dcmcjpeg, dcmcjpls, dcmcrle, dcmconv (Debian
package dcmtk) and node. With DATA, the folder of the real data, digests of its compressed images are written too.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import (
    HTJ2KLossless,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000,
    JPEG2000Lossless,
    RLELossless,
)

here = Path(__file__).resolve().parent
target = here / "pixels"
COLUMNS, ROWS = 37, 33  # odd, and large enough for the five wavelet levels of JPEG 2000


def base(name, values, *, bits_stored, signed=False, photometric="MONOCHROME2", planar=None, frames=1):
    """An uncompressed instance of `values`, (frames,) rows, columns (, samples)."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    meta.MediaStorageSOPInstanceUID = f"2.25.{int(hashlib.sha256(name.encode()).hexdigest()[:24], 16)}"
    dataset = Dataset()
    dataset.file_meta = meta
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID = "2.25.1"
    dataset.SeriesInstanceUID = "2.25.2"
    dataset.Modality = "OT"
    dataset.PatientName = "Golden^Pixels"
    dataset.PatientID = "golden"
    dataset.SamplesPerPixel = 3 if photometric in ("RGB", "YBR_FULL") else 1
    dataset.PhotometricInterpretation = photometric
    if planar is not None:
        dataset.PlanarConfiguration = planar
    dataset.Rows, dataset.Columns = ROWS, COLUMNS
    if frames > 1:
        dataset.NumberOfFrames = frames
    dataset.BitsAllocated = values.dtype.itemsize * 8
    dataset.BitsStored = bits_stored
    dataset.HighBit = bits_stored - 1
    dataset.PixelRepresentation = int(signed)
    dataset.PixelData = values.tobytes() + b"\0" * (values.nbytes % 2)
    dataset["PixelData"].VR = "OB" if dataset.BitsAllocated == 8 else "OW"
    return dataset


def save(dataset, name):
    dataset.save_as(target / name, enforce_file_format=True)


def by_dcmtk(dataset, name, *command):
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.dcm"
        dataset.save_as(source, enforce_file_format=True)
        subprocess.run([*command, source, target / name], check=True)


def by_pydicom(dataset, name, syntax, **options):
    dataset.compress(syntax, **options)
    save(dataset, name)


random = np.random.default_rng(7)
ramp = np.add.outer(np.arange(ROWS) * 31, np.arange(COLUMNS) * 13)
ct = (ramp - 1024 + random.integers(-40, 40, ramp.shape)).astype("<i2")
cr = np.clip(ramp * 3 + random.integers(0, 60, ramp.shape), 0, 4095).astype("<u2")
grey = np.clip(ramp // 6 + random.integers(0, 4, ramp.shape), 0, 255).astype("u1")
rgb = np.stack([grey, 255 - grey, np.roll(grey, 3, axis=1)], axis=-1)
cine = np.stack([cr, cr[::-1], 4095 - cr])

target.mkdir(exist_ok=True)
for old in target.glob("*.dcm"):
    old.unlink()


def signed16(name):
    return base(name, ct, bits_stored=16, signed=True)


save(signed16("explicit"), "ct-explicit.dcm")
for name, syntax in (("implicit", ImplicitVRLittleEndian), ("deflated", DeflatedExplicitVRLittleEndian)):
    dataset = signed16(name)
    dataset.file_meta.TransferSyntaxUID = syntax
    save(dataset, f"ct-{name}.dcm")
by_dcmtk(signed16("big"), "ct-big-endian.dcm", "dcmconv", "+tb")
by_dcmtk(base("grey big", grey, bits_stored=8), "grey-big-endian.dcm", "dcmconv", "+tb")
by_pydicom(signed16("rle"), "ct-rle.dcm", RLELossless)
by_dcmtk(signed16("lossless"), "ct-jpeg-lossless-57.dcm", "dcmcjpeg", "+el", "+sv", "4")
by_dcmtk(signed16("lossless sv1"), "ct-jpeg-lossless-70.dcm", "dcmcjpeg", "+e1")
by_dcmtk(signed16("jpeg-ls"), "ct-jpeg-ls.dcm", "dcmcjpls", "+el")
by_dcmtk(base("jpeg-ls near", cr, bits_stored=12), "cr-jpeg-ls-near.dcm", "dcmcjpls", "+en", "+md", "2")
by_pydicom(signed16("j2k"), "ct-jpeg2000-lossless.dcm", JPEG2000Lossless)
by_pydicom(base("j2k lossy", cr, bits_stored=12), "cr-jpeg2000-lossy.dcm", JPEG2000, j2k_psnr=[45])
by_dcmtk(base("baseline", grey, bits_stored=8), "grey-jpeg-baseline.dcm", "dcmcjpeg", "+eb", "+q", "95")
by_dcmtk(base("extended 8", grey, bits_stored=8), "grey-jpeg-extended.dcm", "dcmcjpeg", "+ee", "+q", "95")
by_dcmtk(base("extended 12", cr, bits_stored=12), "cr-jpeg-extended-12-bit.dcm", "dcmcjpeg", "+ee", "+q", "95")
by_dcmtk(base("rgb baseline", rgb, bits_stored=8, photometric="RGB", planar=0), "rgb-jpeg-baseline.dcm", "dcmcjpeg", "+eb", "+q", "95")
# Colour without a transform, and without the marker that would say so: the photometric interpretation alone does.
by_dcmtk(base("rgb plain", rgb, bits_stored=8, photometric="RGB", planar=0), "rgb-jpeg-no-transform.dcm", "dcmcjpeg", "+eb", "+cr", "+q", "95")
dataset = pydicom.dcmread(target / "rgb-jpeg-no-transform.dcm")
stream = pydicom.encaps.get_frame(dataset.PixelData, 0, number_of_frames=1)
marker = stream.index(b"\xff\xee")
dataset.PixelData = encapsulate([stream[:marker] + stream[marker + 16 :]])
save(dataset, "rgb-jpeg-no-transform.dcm")
# Some writers put a whole .jp2 file into the fragment.
dataset = pydicom.dcmread(target / "ct-jpeg2000-lossless.dcm")
stream = pydicom.encaps.get_frame(dataset.PixelData, 0, number_of_frames=1)


def box(kind, content):
    return (len(content) + 8).to_bytes(4, "big") + kind + content


header = box(b"ihdr", ROWS.to_bytes(4, "big") + COLUMNS.to_bytes(4, "big") + bytes([0, 1, 0x8F, 7, 0, 0]))
colour = box(b"colr", bytes([1, 0, 0]) + (17).to_bytes(4, "big"))
file = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 " + bytes(4) + b"jp2 ") + box(b"jp2h", header + colour) + box(b"jp2c", stream)
dataset.PixelData = encapsulate([file])
save(dataset, "ct-jpeg2000-boxed.dcm")
by_pydicom(base("rgb rle", rgb, bits_stored=8, photometric="RGB", planar=0), "rgb-rle.dcm", RLELossless)
by_dcmtk(base("rgb ls", rgb, bits_stored=8, photometric="RGB", planar=0), "rgb-jpeg-ls.dcm", "dcmcjpls", "+el")
save(base("rgb planar", np.ascontiguousarray(np.moveaxis(rgb, -1, 0)), bits_stored=8, photometric="RGB", planar=1), "rgb-planar.dcm")
# Pairs of pixels share their chrominance; pydicom gives the values of YBR_FULL.
even = np.ascontiguousarray(rgb[:, :36])
shared = np.stack([even[:, 0::2, 0], even[:, 1::2, 0], even[:, 0::2, 1], even[:, 0::2, 2]], axis=-1)
dataset = base("ybr 422", np.ascontiguousarray(shared), bits_stored=8, photometric="YBR_FULL", planar=0)
dataset.PhotometricInterpretation = "YBR_FULL_422"
dataset.Columns = 36
save(dataset, "ybr-422.dcm")
by_pydicom(base("cine rle", cine, bits_stored=12, frames=3), "cine-rle.dcm", RLELossless)
# Fragments: many per frame with a basic offset table, many per frame with an extended one.
dataset = base("cine ls", cine, bits_stored=12, frames=3)
from pydicom.uid import JPEGLSLossless  # noqa: E402

dataset.compress(JPEGLSLossless)
streams = list(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=3))
dataset.PixelData = encapsulate(streams, fragments_per_frame=3, has_bot=True)
save(dataset, "cine-jpeg-ls-fragments.dcm")
dataset.PixelData, dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = encapsulate_extended(streams)
save(dataset, "cine-jpeg-ls-extended-offsets.dcm")

for name, values, bits, signed in (("ct", ct, 16, True), ("cr", cr, 12, False)):
    dataset = base(f"{name} htj2k", values, bits_stored=bits, signed=signed)
    node = ["node", here / "make_htj2k_codestream.mjs", *map(str, (COLUMNS, ROWS, bits, int(signed)))]
    stream = subprocess.run(node, input=values.tobytes(), stdout=subprocess.PIPE, check=True).stdout
    dataset.PixelData = encapsulate([stream])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = HTJ2KLossless
    save(dataset, f"{name}-htj2k.dcm")

palette = base("palette", (grey % 4).astype("u1"), bits_stored=8, photometric="PALETTE COLOR")
for index, colour in enumerate(("Red", "Green", "Blue")):
    setattr(palette, f"{colour}PaletteColorLookupTableDescriptor", [4, 0, 16])
    table = (np.array([0, 20000, 40000, 65535], "<u2") >> index).astype("<u2")
    setattr(palette, f"{colour}PaletteColorLookupTableData", table.tobytes())
save(palette, "palette.dcm")



def facts(dataset):
    """Decoders of lossy JPEG round differently by one; the others must agree to the bit."""
    # Samples interleaved; what a codec gives as RGB is RGB, uncompressed YBR stays YBR.
    raw = dataset.PhotometricInterpretation == "YBR_FULL_422" and not dataset.file_meta.TransferSyntaxUID.is_encapsulated
    values = np.ascontiguousarray(pydicom.pixels.pixel_array(dataset, raw=True) if raw else dataset.pixel_array)
    values = values.astype(values.dtype.newbyteorder("<"))
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    if syntax in ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.91") and values.size < 10000:
        return {"transferSyntax": syntax, "values": [int(value) for value in values.reshape(-1)]}
    return {"transferSyntax": syntax, "sha256": hashlib.sha256(values.tobytes()).hexdigest()}


files = {path.name: facts(pydicom.dcmread(path)) for path in sorted(target.glob("*.dcm"))}
real = {}
if len(sys.argv) > 1:
    root = Path(sys.argv[1]) / "dicom"
    for path in sorted(p for p in root.rglob("*.dcm")):
        dataset = pydicom.dcmread(path)
        if not dataset.file_meta.TransferSyntaxUID.is_encapsulated or "SegmentSequence" in dataset:
            continue
        real[path.relative_to(root).as_posix()] = facts(dataset)
versions = {name: version(name) for name in ("pydicom", "pylibjpeg-libjpeg", "pylibjpeg-openjpeg", "pyjpegls")}
(target / "expected.json").write_text(json.dumps({"versions": versions, "files": files, "real": real}) + "\n")
print(f"{len(files)} files, {len(real)} real ones")
