import { createRandom, type Random, type VolumeSize } from "@samrefine/core";

/** Two binary volumes as a segmentation of an abdomen and a prediction of it are: organs, vessels, lesions. */
export interface MaskPair {
  readonly reference: Uint8Array;
  readonly prediction: Uint8Array;
}

interface Ball {
  readonly center: readonly [number, number, number];
  readonly radii: readonly [number, number, number];
}

/**
 * Organs are ellipsoids with a wavy border, vessels are chains of small balls, lesions single ones. The prediction has its
 * borders two voxels off, misses some lesions and invents others. In the proportions of 512 x 512 x 200.
 */
export function drawMasks(size: VolumeSize): MaskPair {
  const scale = size[0] / 512;
  const length = size[0] * size[1] * size[2];
  const pair = { reference: new Uint8Array(length), prediction: new Uint8Array(length) };
  const random = createRandom(11);
  for (let organ = 0; organ < 7; organ++) {
    const ball = randomBall(random, size, scale * (25 + 60 * random.next()));
    paint(pair.reference, size, ball, 0.08);
    paint(pair.prediction, size, grown(ball, 2 * scale), 0.1);
  }
  for (let vessel = 0; vessel < 40; vessel++) {
    for (const ball of vesselOf(random, size, scale)) {
      paint(pair.reference, size, ball, 0);
      paint(pair.prediction, size, ball, 0);
    }
  }
  for (let lesion = 0; lesion < 600; lesion++) {
    const ball = randomBall(random, size, 1 + scale * 4 * random.next());
    if (lesion % 10 !== 0) paint(pair.reference, size, ball, 0);
    if (lesion % 7 !== 0) paint(pair.prediction, size, ball, 0);
  }
  return pair;
}

function randomBall(random: Random, size: VolumeSize, radius: number): Ball {
  const radii = [radius, radius * (0.6 + 0.8 * random.next()), radius * (0.3 + 0.4 * random.next())] as const;
  return { center: [size[0] * random.next(), size[1] * random.next(), size[2] * random.next()], radii };
}

function grown({ center, radii }: Ball, by: number): Ball {
  return { center, radii: [radii[0] + by, radii[1] + by, radii[2] + by / 2] };
}

function* vesselOf(random: Random, size: VolumeSize, scale: number): Generator<Ball> {
  let { center } = randomBall(random, size, 1);
  const radius = 1.5 + 3 * scale * random.next();
  let direction = [random.normal(), random.normal(), random.normal()] as const;
  for (let step = 0; step < 120; step++) {
    direction = [
      0.9 * direction[0] + 0.4 * random.normal(),
      0.9 * direction[1] + 0.4 * random.normal(),
      0.9 * direction[2] + 0.2 * random.normal(),
    ];
    const stride = (1.2 * radius) / Math.hypot(...direction);
    center = [center[0] + stride * direction[0], center[1] + stride * direction[1], center[2] + stride * direction[2]];
    yield { center, radii: [radius, radius, Math.max(1, radius / 2)] };
  }
}

function paint(mask: Uint8Array, [ni, nj, nk]: VolumeSize, { center, radii }: Ball, wave: number): void {
  const reach = 1 + 2 * wave;
  const range = (axis: 0 | 1 | 2, length: number): readonly [number, number] => [
    Math.max(0, Math.ceil(center[axis] - reach * radii[axis])),
    Math.min(length - 1, Math.floor(center[axis] + reach * radii[axis])),
  ];
  const [[iMin, iMax], [jMin, jMax], [kMin, kMax]] = [range(0, ni), range(1, nj), range(2, nk)];
  for (let k = kMin; k <= kMax; k++) {
    for (let j = jMin; j <= jMax; j++) {
      for (let i = iMin; i <= iMax; i++) {
        const [x, y, z] = [(i - center[0]) / radii[0], (j - center[1]) / radii[1], (k - center[2]) / radii[2]];
        const ripple = wave === 0 ? 0 : wave * (Math.sin(7 * x + 3 * z) + Math.sin(9 * y + 2 * x));
        if (x * x + y * y + z * z <= (1 + ripple) ** 2) mask[i + ni * (j + nj * k)] = 1;
      }
    }
  }
}
