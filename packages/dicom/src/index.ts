export * from "./dataset/attributes.ts";
export * from "./dataset/transfer-syntax.ts";
export { type ByteChunks, decimalString } from "./dataset/write-dataset.ts";
export { type DicomFile, type ReadOptions, readPart10, type WriteOptions, writePart10 } from "./part10.ts";
export * from "./seg/types.ts";
export * from "./series/source-instance.ts";
export { isUid, newUid, uidFromSeed } from "./uid.ts";
