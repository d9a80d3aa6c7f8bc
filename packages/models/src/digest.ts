import { RefineError } from "@samrefine/core";
import type { ModelFile, ModelManifest } from "./manifest.ts";

/**
 * SHA-256 in 64 lower-case hex digits, by WebCrypto.
 * @throws RefineError `backend-unavailable` on a page that is neither HTTPS nor localhost, where browsers hide WebCrypto.
 */
export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  const { subtle } = crypto;
  if (!subtle) {
    throw new RefineError("backend-unavailable", "This page has no WebCrypto, so that no digest can be checked.", {
      hint: "Serve the viewer over HTTPS, or open it as http://localhost.",
    });
  }
  // WebCrypto refuses shared memory, which the pixels of a viewer may lie in.
  const own = bytes.buffer instanceof ArrayBuffer ? bytes : bytes.slice();
  const digest = new Uint8Array(await subtle.digest("SHA-256", own));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Compares a file with what its manifest says about it. To be called before the bytes reach a runtime.
 * @param origin path or URL, for the message.
 * @throws RefineError `model-integrity` with both sizes and both digests.
 */
export async function verifyFile(
  bytes: Uint8Array,
  expected: Pick<ModelFile, "sha256" | "bytes">,
  origin: string,
): Promise<void> {
  const found = await sha256Hex(bytes);
  if (found === expected.sha256) return;
  throw new RefineError(
    "model-integrity",
    `The model file ${origin} is not the one its manifest names: found SHA-256 ${found} (${bytes.length} bytes), expected ${expected.sha256} (${expected.bytes} bytes).`,
    {
      hint: "Fetch the file again; if it was replaced on purpose, update the manifest.",
      details: {
        origin,
        foundSha256: found,
        expectedSha256: expected.sha256,
        foundBytes: bytes.length,
        expectedBytes: expected.bytes,
      },
    },
  );
}

/**
 * One digest for a whole model: that of its only file, or SHA-256 over the digests of all files in manifest order, each
 * followed by a line feed.
 */
export async function modelDigest(manifest: Pick<ModelManifest, "files">): Promise<string> {
  const [first, ...others] = manifest.files;
  if (first && others.length === 0) return first.sha256;
  return sha256Hex(new TextEncoder().encode(manifest.files.map((file) => `${file.sha256}\n`).join("")));
}
