import { RefineError } from "@samrefine/core";
import { type Attributes, numbersOf, textOf } from "../dataset/attributes.ts";

interface Table {
  readonly firstIndex: number;
  readonly values: Uint8Array | Uint16Array;
}

function tableOf(dataset: Attributes, colour: string): Table | undefined {
  const descriptor = numbersOf(dataset, `${colour}PaletteColorLookupTableDescriptor`, 3);
  const data = dataset[`${colour}PaletteColorLookupTableData`];
  const [length, firstIndex, bits] = descriptor ?? [];
  if (length === undefined || firstIndex === undefined || !(data instanceof Uint8Array)) return undefined;
  const entries = length === 0 ? 65536 : length; // PS3.3 C.7.6.3.1.5
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  // Tables of 8 bits may be stored in words all the same.
  if (bits === 8 && data.byteLength < entries * 2) {
    return data.byteLength < entries ? undefined : { firstIndex, values: data.subarray(0, entries) };
  }
  if (data.byteLength < entries * 2) return undefined;
  return { firstIndex, values: Uint16Array.from({ length: entries }, (_, i) => view.getUint16(2 * i, true)) };
}

/**
 * Colours of palette indices (PS3.3 C.7.6.3.1.5), samples of a pixel together, in the tables' own 8 or 16 bits. Indices
 * beyond a table take its first or last entry.
 * @throws RefineError `unsupported-dicom` when a table is missing or cut short; segmented tables are not read.
 */
export function rgbFromPalette(dataset: Attributes, indices: ArrayLike<number>): Uint16Array {
  const tables = ["Red", "Green", "Blue"].map((colour) => tableOf(dataset, colour));
  const rgb = new Uint16Array(indices.length * 3);
  for (const [channel, table] of tables.entries()) {
    if (table === undefined) {
      throw new RefineError("unsupported-dicom", "A colour table of the palette is missing or cut short.", {
        hint: "Have the image stored as RGB.",
        details: { sopInstanceUid: textOf(dataset, "SOPInstanceUID") ?? null },
      });
    }
    const last = table.values.length - 1;
    for (let i = 0; i < indices.length; i++) {
      rgb[3 * i + channel] = table.values[Math.min(last, Math.max(0, indices[i]! - table.firstIndex))]!;
    }
  }
  return rgb;
}
