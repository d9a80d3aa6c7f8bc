"""The other side of bench/kernels.ts: the same question to SciPy, connected-components-3d, MedPy or scikit-image."""
import argparse
import pathlib
import resource
import sys
import time
import warnings

import numpy

options = argparse.ArgumentParser()
for name in ("kernel", "tool", "folder", "size"):
    options.add_argument(f"--{name}")
options = options.parse_args()
warnings.filterwarnings("ignore", category=FutureWarning)

shape = tuple(reversed([int(part) for part in options.size.split("x")]))
spacing = (1.5, 0.8, 0.8)


def load(name):
    return numpy.fromfile(pathlib.Path(options.folder) / f"{name}.raw", dtype=numpy.uint8).reshape(shape)


mask = load("reference")
prediction = load("prediction") if options.kernel == "surface" else None


def components(connectivity):
    if options.tool == "scipy":
        from scipy import ndimage

        structure = ndimage.generate_binary_structure(3, 1 if connectivity == 6 else 3)
        return lambda: ndimage.label(mask, structure)
    import cc3d

    return lambda: cc3d.connected_components(mask, connectivity=connectivity, return_N=True)


def distance_transform():
    from scipy import ndimage

    return lambda: ndimage.distance_transform_edt(mask, sampling=spacing)


def surface():
    from medpy.metric import binary

    # MedPy has one function per metric; a user who wants both calls both.
    return lambda: (
        binary.hd95(prediction, mask, voxelspacing=spacing),
        binary.assd(prediction, mask, voxelspacing=spacing),
    )


def dilation():
    from skimage import morphology

    disk = morphology.disk(8)
    if options.tool == "scikit-image":
        step = lambda plane: morphology.binary_dilation(plane, disk)
    else:
        step = lambda plane: morphology.isotropic_dilation(plane, 8)
    planes = mask.astype(bool)
    return lambda: numpy.stack([step(plane) for plane in planes])


prepared = {
    "components-6": lambda: components(6),
    "components-26": lambda: components(26),
    "distance-transform": distance_transform,
    "surface": surface,
    "dilation-disk-8": dilation,
}[options.kernel]()
summarise = {
    "components-6": lambda result: result[1],
    "components-26": lambda result: result[1],
    "distance-transform": lambda result: result.max(),
    "surface": lambda result: result[0],
    "dilation-disk-8": lambda result: result.sum(),
}[options.kernel]


def resident():
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1]) if pathlib.Path("/proc/self/statm").exists() else 0
    return pages * resource.getpagesize()


before = resident()
for _ in sys.stdin:
    started = time.process_time()
    result = prepared()
    milliseconds = (time.process_time() - started) * 1000
    arrays = [part for part in (result if isinstance(result, tuple) else (result,)) if isinstance(part, numpy.ndarray)]
    size = sum(part.nbytes for part in arrays)
    above = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before - size) / mask.size
    print(milliseconds, above, float(summarise(result)), flush=True)
    del result
