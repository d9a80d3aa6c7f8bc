// Encodes one image as HTJ2K by OpenJPH: node make_htj2k_codestream.mjs COLUMNS ROWS BITS SIGNED < native > codestream.
// Part of make_pixel_goldens.py: no Python package encodes HTJ2K.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const require = createRequire(fileURLToPath(new URL("../../packages/dicom/package.json", import.meta.url)));
const [width, height, bitsPerSample, signed] = process.argv.slice(2).map(Number);
const openjph = await require("@cornerstonejs/codec-openjph/wasmjs")();
const encoder = new openjph.HTJ2KEncoder();
encoder
  .getDecodedBuffer({
    width,
    height,
    bitsPerSample,
    componentCount: 1,
    isSigned: signed === 1,
    isUsingColorTransform: false,
  })
  .set(readFileSync(0));
encoder.setQuality(true, 0);
encoder.encode();
process.stdout.write(encoder.getEncodedBuffer());
