import { RefineError } from "@samrefine/core";
import { type Attributes, numbersOf, textOf } from "../dataset/attributes.ts";
import { writtenOutTable } from "./segmented-table.ts";

interface Table {
  readonly firstIndex: number;
  readonly values: Uint8Array | Uint16Array;
}

function tableOf(dataset: Attributes, colour: string): Table | undefined {
  const descriptor = numbersOf(dataset, `${colour}PaletteColorLookupTableDescriptor`, 3);
  const data = dataset[`${colour}PaletteColorLookupTableData`];
  const segmented = dataset[`Segmented${colour}PaletteColorLookupTableData`];
  const [length, firstIndex, bits] = descriptor ?? [];
  if (length === undefined || firstIndex === undefined) return undefined;
  const entries = length === 0 ? 65536 : length; // PS3.3 C.7.6.3.1.5
  if (segmented instanceof Uint8Array && !(data instanceof Uint8Array)) {
    const values = writtenOutTable({ data: bits === 8 ? segmented : wordsOf(segmented), length: entries });
    return values && { firstIndex, values };
  }
  if (!(data instanceof Uint8Array)) return undefined;
  // Tables of 8 bits may be stored in words all the same.
  if (bits === 8 && data.byteLength < entries * 2) {
    return data.byteLength < entries ? undefined : { firstIndex, values: data.subarray(0, entries) };
  }
  if (data.byteLength < entries * 2) return undefined;
  return { firstIndex, values: wordsOf(data.subarray(0, 2 * entries)) };
}

function wordsOf(bytes: Uint8Array): Uint16Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint16Array.from({ length: bytes.byteLength >> 1 }, (_, i) => view.getUint16(2 * i, true));
}

/**
 * Colours of palette indices (PS3.3 C.7.6.3.1.5; segmented tables C.7.9.2), samples of a pixel together, in the tables' own 8
 * or 16 bits. Indices beyond a table take its first or last entry.
 * @throws RefineError `unsupported-dicom` when a table is missing, cut short or damaged.
 */
export function rgbFromPalette(dataset: Attributes, indices: ArrayLike<number>): Uint16Array {
  const tables = ["Red", "Green", "Blue"].map((colour) => tableOf(dataset, colour));
  const rgb = new Uint16Array(indices.length * 3);
  for (const [channel, table] of tables.entries()) {
    if (table === undefined) {
      throw new RefineError("unsupported-dicom", "A colour table of the palette is missing, cut short or damaged.", {
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
