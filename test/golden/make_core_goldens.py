"""Makes the reference values that packages/core and packages/evaluation are tested against.

    python -m venv venv && venv/bin/pip install numpy==2.4.6 scipy==1.17.1 scikit-image==0.26.0 pillow==11.3.0 MedPy==0.5.2
    venv/bin/python test/golden/make_core_goldens.py

SciPy, scikit-image, MedPy and Pillow compute every number; nothing here imitates the code under test. Surface Dice, which MedPy
lacks, is composed of SciPy's erosion and distance transform. Pillow stays below 13, which filters rows first where that is cheaper;
SAM's preprocessing was defined by versions that filter columns first.
"""

import json
import pathlib
import platform

import medpy
import numpy
import PIL
import scipy
import skimage
from medpy.metric import binary
from PIL import Image
from scipy import ndimage, sparse, stats
from scipy.sparse.linalg import spsolve
from skimage import morphology
from skimage.segmentation import random_walker

OUT = pathlib.Path(__file__).parent / "core"
RANDOM = numpy.random.default_rng(20240611)


def versions():
    return {
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "scikit-image": skimage.__version__,
        "pillow": PIL.__version__,
        "medpy": medpy.__version__,
    }


def write(name, cases):
    OUT.mkdir(exist_ok=True)
    text = json.dumps({"versions": versions(), **cases}, separators=(",", ":"))
    (OUT / f"{name}.json").write_text(text + "\n")


def blobs(shape, sigma, threshold):
    """Smooth random shapes, as organs are smooth, with 0 and 1."""
    noise = ndimage.gaussian_filter(RANDOM.standard_normal(shape), sigma)
    return (noise > threshold * noise.std()).astype(numpy.uint8)


def bits(mask):
    return "".join(str(int(v)) for v in mask.ravel())


def resize_cases():
    cases = []
    for (rows, columns), (to_rows, to_columns) in [
        ((13, 17), (5, 6)),
        ((13, 17), (29, 40)),
        ((16, 9), (7, 9)),
        ((9, 16), (9, 5)),
        ((31, 20), (12, 33)),
    ]:
        pixels = RANDOM.integers(0, 256, (rows, columns), dtype=numpy.uint8)
        size = (to_columns, to_rows)
        as_float = Image.fromarray(pixels.astype(numpy.float32)).resize(size, Image.Resampling.BILINEAR)
        cases.append(
            {
                "from": {"columns": columns, "rows": rows},
                "to": {"columns": to_columns, "rows": to_rows},
                "pixels": pixels.ravel().tolist(),
                "antialiased": numpy.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR)).ravel().tolist(),
                "antialiasedFloat": [round(float(v), 4) for v in numpy.asarray(as_float).ravel()],
            }
        )
    rgb = RANDOM.integers(0, 256, (10, 14, 3), dtype=numpy.uint8)
    cases.append(
        {
            "from": {"columns": 14, "rows": 10},
            "to": {"columns": 6, "rows": 8},
            "channels": 3,
            "pixels": rgb.ravel().tolist(),
            "antialiased": numpy.asarray(Image.fromarray(rgb).resize((6, 8), Image.Resampling.BILINEAR)).ravel().tolist(),
        }
    )
    return cases


def component_cases():
    cases = []
    for shape in [(24, 31), (9, 12, 7)]:
        mask = blobs(shape, 1.0, 0.6)
        full = numpy.ones((3,) * len(shape))
        faces, _ = ndimage.label(mask)
        corners, _ = ndimage.label(mask, full)
        case = {
            "size": list(reversed(shape)),
            "mask": bits(mask),
            "faces": faces.ravel().tolist(),
            "corners": corners.ravel().tolist(),
        }
        if len(shape) == 3:
            edges, _ = ndimage.label(mask, ndimage.generate_binary_structure(3, 2))
            case["edges"] = edges.ravel().tolist()
        cases.append(case)
    return cases


def distance_cases():
    cases = []
    for shape, spacing in [((20, 26), (1, 1)), ((20, 26), (0.7, 0.35)), ((8, 11, 13), (3, 0.8, 0.6))]:
        mask = blobs(shape, 1.5, -0.3)
        distance = ndimage.distance_transform_edt(mask, sampling=spacing)
        cases.append(
            {
                "size": list(reversed(shape)),
                "spacing": list(reversed(spacing)),
                "mask": bits(mask),
                "distance": [round(float(v), 6) for v in distance.ravel()],
            }
        )
    return cases


def morphology_cases():
    mask = blobs((30, 34), 1.5, 0.2)
    elements = {
        "disk": lambda r: morphology.disk(r),
        "diamond": lambda r: morphology.diamond(r),
        "star": lambda r: morphology.star(r),
        "square": lambda r: numpy.ones((r, r), dtype=numpy.uint8),
    }
    footprints = [
        {"element": name, "radius": r, "side": int(make(r).shape[0]), "pixels": bits(make(r).astype(int))}
        for name, make in elements.items()
        for r in (1, 2, 3, 5, 8)
    ]
    results = []
    for name, make in elements.items():
        # Even squares have no centre; SciPy and Kornia disagree about them, so only odd elements are compared.
        for radius in (1, 3, 5) if name == "square" else (1, 2, 3):
            footprint = make(radius).astype(bool)
            results.append(
                {
                    "element": name,
                    "radius": radius,
                    "dilate": bits(ndimage.binary_dilation(mask, footprint)),
                    "erode": bits(ndimage.binary_erosion(mask, footprint, border_value=1)),
                }
            )
    return {
        "size": [34, 30],
        "mask": bits(mask),
        "filled": bits(ndimage.binary_fill_holes(mask)),
        "footprints": footprints,
        "results": results,
    }


def assd(prediction, reference, **options):
    """Mean of both directions' means, as MedPy's own assd was up to 0.4; since 0.5 it is the mean over both borders' voxels."""
    return float(numpy.mean([binary.asd(prediction, reference, **options), binary.asd(reference, prediction, **options)]))


def surface_cases():
    cases = []
    for shape, spacing in [((28, 24), (0.9, 0.4)), ((9, 14, 16), (4, 1.2, 0.7))]:
        reference = blobs(shape, 2.0, 0.5).astype(bool)
        shifted = numpy.roll(reference, 2, axis=-1)
        prediction = shifted ^ (blobs(shape, 1.0, 1.6).astype(bool))
        cross = ndimage.generate_binary_structure(len(shape), 1)
        edges = [m ^ ndimage.binary_erosion(m, cross) for m in (reference, prediction)]
        to = [ndimage.distance_transform_edt(~edge, sampling=spacing) for edge in edges]
        ab = to[1][edges[0]]
        ba = to[0][edges[1]]
        both = numpy.hstack([ab, ba])
        cases.append(
            {
                "size": list(reversed(shape)),
                "spacing": list(reversed(spacing)),
                "reference": bits(reference),
                "prediction": bits(prediction),
                "dice": float(binary.dc(prediction, reference)),
                "iou": float(binary.jc(prediction, reference)),
                "hd95": float(binary.hd95(prediction, reference, voxelspacing=spacing)),
                "assd": assd(prediction, reference, voxelspacing=spacing),
                "hd95InVoxels": float(binary.hd95(prediction, reference)),
                "assdInVoxels": assd(prediction, reference),
                "surfaceDiceAt1": float((both <= 1).mean()),
            }
        )
    return cases


def walker_image(shape):
    """Two smooth organs on a dark ground, with noise, and seeds well inside and well outside of them."""
    labels = numpy.zeros(shape, dtype=numpy.int32)
    smooth = ndimage.gaussian_filter(RANDOM.standard_normal(shape), 4)
    labels[smooth > 0.5 * smooth.std()] = 2
    labels[smooth < -0.8 * smooth.std()] = 3
    image = numpy.choose(labels, [0, 0, 150, 90]) + 60 + RANDOM.normal(0, 12, shape)
    image = numpy.clip(numpy.round(image), 0, 255)
    seeds = numpy.zeros(shape, dtype=numpy.int32)
    for label, value in ((0, 1), (2, 2), (3, 3)):
        parts, count = ndimage.label(labels == label)
        for part in range(1, count + 1):
            # Every part has seeds: one without hangs on weights near rounding, where solvers need not agree.
            distance = ndimage.distance_transform_edt(parts == part)
            seeds[distance > 0.6 * distance.max()] = value
    return image, seeds


def laplacian(image, sigma, ridge):
    """4-neighbour graph of the image with weights exp(-(difference / sigma)²), as a sparse matrix."""
    rows, columns = image.shape
    index = numpy.arange(rows * columns).reshape(rows, columns)
    pairs = numpy.concatenate(
        [
            numpy.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], 1),
            numpy.stack([index[:-1].ravel(), index[1:].ravel()], 1),
        ]
    )
    flat = image.ravel()
    weights = numpy.exp(-(((flat[pairs[:, 0]] - flat[pairs[:, 1]]) / sigma) ** 2))
    adjacency = sparse.coo_array((weights, (pairs[:, 0], pairs[:, 1])), shape=(flat.size, flat.size))
    adjacency = (adjacency + adjacency.T).tocsr()
    degrees = numpy.asarray(adjacency.sum(axis=0)).ravel()
    return sparse.diags_array(degrees + ridge) - adjacency


def random_walker_cases():
    image, seeds = walker_image((36, 44))
    sigma = 30.0
    # scikit-image writes the same weight as exp(-beta / (10 std) * difference²) and adds 1e-10 to it.
    beta = 10 * image.std() / sigma**2
    theirs = random_walker(image, seeds, beta=beta, mode="bf", return_full_prob=True)
    ridge = 1e-2
    matrix = laplacian(image, sigma, ridge).tocsr()
    free = (seeds == 0).ravel()
    direct = []
    for label in (2, 3):
        seed = (seeds == label).ravel().astype(float)
        solution = seed.copy()
        solution[free] = spsolve(matrix[free][:, free].tocsc(), -(matrix[free][:, ~free] @ seed[~free]))
        direct.append([round(float(v), 6) for v in solution])
    return {
        "size": [44, 36],
        "image": image.astype(int).ravel().tolist(),
        "seeds": bits(seeds),
        "sigma": sigma,
        "scikit-image": [[round(float(v), 6) for v in theirs[label - 1].ravel()] for label in (2, 3)],
        "ridge": ridge,
        "direct": direct,
    }


def wilcoxon_cases():
    samples = {
        "exact, no ties": RANDOM.normal(0.3, 1, 12),
        "exact, 25": RANDOM.normal(0.2, 1, 25),
        "normal, 26": RANDOM.normal(0.2, 1, 26),
        "normal, ties and zeros": RANDOM.integers(-3, 5, 60).astype(float),
    }
    cases = []
    for name, values in samples.items():
        values = numpy.round(values, 6)
        method = "exact" if name.startswith("exact") else "asymptotic"
        cases.append(
            {
                "name": name,
                "differences": values.tolist(),
                "pValues": {
                    alternative: float(stats.wilcoxon(values, alternative=alternative, method=method, correction=False).pvalue)
                    for alternative in ("two-sided", "greater", "less")
                },
            }
        )
    return cases


def association_cases():
    a = numpy.round(RANDOM.normal(size=40), 1)
    b = numpy.round(0.5 * a + RANDOM.normal(size=40), 1)
    positive = b > 0
    u = stats.mannwhitneyu(a[positive], a[~positive]).statistic
    return {
        "a": a.tolist(),
        "b": b.tolist(),
        "spearman": float(stats.spearmanr(a, b).statistic),
        "auc": float(u / (positive.sum() * (~positive).sum())),
    }


def main():
    write("resize", {"cases": resize_cases()})
    write("components", {"cases": component_cases()})
    write("distance", {"cases": distance_cases()})
    write("morphology", morphology_cases())
    write("surface", {"cases": surface_cases()})
    # A stream of its own, so that adding it left the fixtures above and below as they were.
    global RANDOM
    shared, RANDOM = RANDOM, numpy.random.default_rng(20250308)
    write("random-walker", random_walker_cases())
    RANDOM = shared
    tail = [0.0, 0.5, 1.0, 2.0, 2.999, 3.0, 3.001, 5.0, 8.0, 20.0]
    write(
        "statistics",
        {
            "wilcoxon": wilcoxon_cases(),
            "association": association_cases(),
            "normalUpperTail": [{"z": z, "p": float(stats.norm.sf(z))} for z in tail],
        },
    )


if __name__ == "__main__":
    main()
