"""What pydicom and highdicom read in DICOM segmentations, as digests: no pixels and no patient data leave this script.

Usage: python segmentation_facts.py FILE... > facts.json

frames     (pydicom)   in file order: segment, source instance, position, orientation, spacing, digest of the stored values
bySource   (highdicom) per segment and source instance, where it is not empty: count and digest of the voxels
sourceFrame stands where a frame of a multi-frame source is referenced
"""

import hashlib
import json
import sys

import highdicom
import numpy as np
import pydicom


def digest(values):
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def macro(dataset, index, keyword):
    for groups in (
        dataset.PerFrameFunctionalGroupsSequence[index],
        dataset.SharedFunctionalGroupsSequence[0],
    ):
        items = groups.get(keyword)
        if items:
            return items[0]
    return pydicom.Dataset()


def numbers(value):
    return None if value is None else [float(v) for v in value]


def frame_facts(dataset):
    pixels = dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns)
    kind = np.uint16 if dataset.BitsAllocated == 16 else np.uint8
    facts = []
    for index in range(int(dataset.NumberOfFrames)):
        derivation = macro(dataset, index, "DerivationImageSequence")
        source = (derivation.get("SourceImageSequence") or [pydicom.Dataset()])[0]
        values = pixels[index].astype(kind)
        facts.append(
            {
                "segment": macro(dataset, index, "SegmentIdentificationSequence").get("ReferencedSegmentNumber"),
                "source": source.get("ReferencedSOPInstanceUID"),
                "position": numbers(macro(dataset, index, "PlanePositionSequence").get("ImagePositionPatient")),
                "orientation": numbers(macro(dataset, index, "PlaneOrientationSequence").get("ImageOrientationPatient")),
                "spacing": numbers(macro(dataset, index, "PixelMeasuresSequence").get("PixelSpacing")),
                "nonZero": int(np.count_nonzero(values)),
                "sha256": digest(values),
                **source_frame(source),
            }
        )
    return facts


def source_frame(source):
    number = source.get("ReferencedFrameNumber")
    return {} if number is None else {"sourceFrame": int(number)}


def referenced_images(seg):
    """Source instances, and the frames of those that are referenced by frame."""
    images = {}
    for index in range(int(seg.NumberOfFrames)):
        source = (macro(seg, index, "DerivationImageSequence").get("SourceImageSequence") or [pydicom.Dataset()])[0]
        uid, frame = source.get("ReferencedSOPInstanceUID"), source.get("ReferencedFrameNumber")
        if uid is not None:
            images.setdefault(str(uid), set()).update([] if frame is None else [int(frame)])
    return sorted((uid, frame) for uid, frames in images.items() for frame in (sorted(frames) or [None]))


def source_facts(path):
    seg = highdicom.seg.segread(path)
    facts = []
    for number in seg.segment_numbers:
        for uid, frame in referenced_images(seg):
            options = {
                "segment_numbers": [number],
                "combine_segments": False,
                "rescale_fractional": False,
                # Other writers leave Spatial Locations Preserved out although the grids are the same.
                "ignore_spatial_locations": True,
                "assert_missing_frames_are_empty": True,
            }
            if frame is None:
                read = seg.get_pixels_by_source_instance(source_sop_instance_uids=[uid], **options)
            else:
                read = seg.get_pixels_by_source_frame(
                    source_sop_instance_uid=uid, source_frame_numbers=[frame], **options
                )
            values = read[0, :, :, 0].astype(np.uint8)
            if values.any():
                facts.append(
                    {
                        "segment": int(number),
                        "source": uid,
                        "nonZero": int(np.count_nonzero(values)),
                        "sha256": digest(values),
                        **({} if frame is None else {"sourceFrame": frame}),
                    }
                )
    return facts


def facts_of(path):
    dataset = pydicom.dcmread(path)
    facts = {
        "kind": dataset.SegmentationType,
        "rows": int(dataset.Rows),
        "columns": int(dataset.Columns),
        "segments": [
            {"number": int(item.SegmentNumber), "label": str(item.SegmentLabel)} for item in dataset.SegmentSequence
        ],
        "frames": frame_facts(dataset),
    }
    try:
        facts["bySource"] = source_facts(path)
    except Exception as error:  # noqa: BLE001 - a judge that cannot read a file says so, and why
        facts["bySource"] = None
        facts["highdicomError"] = f"{type(error).__name__}: {error}"
    return facts


if __name__ == "__main__":
    json.dump(
        {
            "pydicom": pydicom.__version__,
            "highdicom": highdicom.__version__,
            "files": {path: facts_of(path) for path in sys.argv[1:]},
        },
        sys.stdout,
        indent=1,
    )
