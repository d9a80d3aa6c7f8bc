import { createRandom, type Labelmap, type Random, type Volume, type VolumeGeometry } from "@samrefine/core";
import { buildBody, drawHabitus } from "./body.ts";
import { type Shape, smoothMaximum } from "./field.ts";
import { abdomen } from "./organs.ts";
import { AIR, type CtGrid, renderSlice, scan, scannerGrain, tissueTexture } from "./render.ts";
import { ABDOMEN_SEGMENTS } from "./segments.ts";
import { solid, type Tissue } from "./tissue.ts";

export interface AbdomenPhantomOptions {
  readonly seed: number;
  /** Rows and columns. Default 512; the field of view stays the same. */
  readonly matrix?: number;
  /** Default 44. */
  readonly slices?: number;
}

export interface AbdomenPhantom {
  /** Hounsfield units, axial, first slice lowest. */
  readonly volume: Volume<Int16Array<ArrayBuffer>>;
  /** A voxel belongs to an organ if its centre lies inside. */
  readonly labelmap: Labelmap;
}

/** Height of the scan, mm: from the dome of the liver to the third or fourth lumbar vertebra. */
const SCAN_MM = 220;

/** A contrast-enhanced abdominal CT in the portal venous phase. The same options give the same voxels. */
export function abdominalCtPhantom(options: AbdomenPhantomOptions): AbdomenPhantom {
  const random = createRandom(options.seed).fork("abdomen");
  const habitus = drawHabitus(random.fork("habitus"));
  const body = buildBody(habitus, SCAN_MM / 2);
  const matrix = options.matrix ?? 512;
  const slices = options.slices ?? 44;
  const fieldOfView = 2 * habitus.halfWidth + 30 + 14 * random.next();
  const pixelMm = Math.round((fieldOfView / matrix) * 1000) / 1000;
  const sliceMm = SCAN_MM / slices;
  const grid: CtGrid = {
    columns: matrix,
    rows: matrix,
    slices,
    pixelMm,
    sliceMm,
    origin: [
      (-pixelMm * (matrix - 1)) / 2 + 5 * random.normal(),
      (-pixelMm * (matrix - 1)) / 2 + 12 + 4 * random.normal(),
      (-sliceMm * (slices - 1)) / 2,
    ],
  };
  const tissues = [tableTop(habitus.halfDepth, random.fork("table")), ...abdomen(body, random.fork("organs"))].flat();
  const noise = { centre: 9 + 5 * random.next(), edge: 6.5 };
  const texture = tissueTexture(grid, random.fork("texture"));
  const grain = scannerGrain(grid, random.fork("grain"));
  const data = new Int16Array(matrix * matrix * slices);
  const labels = new Uint8Array(data.length);
  for (let slice = 0; slice < slices; slice++) {
    const stream = random.fork(`slice ${slice}`);
    const rendered = renderSlice(tissues, grid, slice, texture.take(stream));
    const image = scan(rendered.hu, grid, noise, grain.take(stream));
    const start = slice * matrix * matrix;
    for (let i = 0; i < image.length; i++) {
      data[start + i] = Math.round(Math.min(Math.max(image[i]!, AIR - 24), 3071));
    }
    labels.set(rendered.labels, start);
  }
  const geometry: VolumeGeometry = {
    size: [matrix, matrix, slices],
    indexToPatient: [
      pixelMm,
      0,
      0,
      grid.origin[0],
      0,
      pixelMm,
      0,
      grid.origin[1],
      0,
      0,
      sliceMm,
      grid.origin[2],
      0,
      0,
      0,
      1,
    ],
  };
  return {
    volume: { geometry, data },
    labelmap: { geometry, data: labels, descriptions: ABDOMEN_SEGMENTS },
  };
}

/** The couch: a thin curved shell of carbon fibre around foam, with a mattress under the patient. */
function tableTop(halfDepth: number, random: Random): Tissue[] {
  const top = halfDepth + 6;
  const bounds: Shape["bounds"] = { min: [-230, top - 30, -500], max: [230, top + 60, 500] };
  const curve = 0.0006 + 0.0003 * random.next();
  const slab = (from: number, to: number, half: number): Shape => ({
    bounds,
    field: (x, y) => {
      const level = y - top + curve * x * x;
      return smoothMaximum(Math.max(from - level, level - to), Math.abs(x) - half, 4);
    },
  });
  const shell = slab(8, 34, 205);
  return [
    solid(slab(-4, 7, 190), 1.5, -905, 6, "background"),
    {
      shape: shell,
      step: 1,
      layers: [
        { depth: 0, hu: 90, texture: 10, label: "background" },
        { depth: 2.4, hu: -930, texture: 4, label: "background" },
      ],
    },
  ];
}
