import { describe, expect, test } from "vitest";
import { modelDigest, sha256Hex, verifyFile } from "./digest.ts";

const abc = new TextEncoder().encode("abc");
// FIPS 180-2, appendix B.1.
const digestOfAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

describe("digests", () => {
  test("the vector of the standard, also from a view into a larger buffer and from shared memory", async () => {
    expect(await sha256Hex(abc)).toBe(digestOfAbc);
    const shared = new Uint8Array(new SharedArrayBuffer(3));
    shared.set(abc);
    expect(await sha256Hex(shared)).toBe(digestOfAbc);
    expect(await sha256Hex(new TextEncoder().encode("xabcx").subarray(1, 4))).toBe(digestOfAbc);
  });

  test("a changed byte is an integrity error with both digests", async () => {
    await expect(verifyFile(abc, { sha256: digestOfAbc, bytes: 3 }, "a.onnx")).resolves.toBeUndefined();
    const changed = verifyFile(new TextEncoder().encode("abd"), { sha256: digestOfAbc, bytes: 3 }, "a.onnx");
    await expect(changed).rejects.toMatchObject({
      code: "model-integrity",
      details: { origin: "a.onnx", expectedSha256: digestOfAbc },
    });
  });

  test("a model of several files has a digest that depends on each", async () => {
    const file = (sha256: string) => ({ role: "model" as const, url: "m.onnx", bytes: 3, sha256 });
    const other = digestOfAbc.replace("b", "c");
    expect(await modelDigest({ files: [file(digestOfAbc)] })).toBe(digestOfAbc);
    const pair = await modelDigest({ files: [file(digestOfAbc), file(other)] });
    expect(pair).toBe(await sha256Hex(new TextEncoder().encode(`${digestOfAbc}\n${other}\n`)));
    expect(pair).not.toBe(await modelDigest({ files: [file(other), file(digestOfAbc)] }));
  });
});
