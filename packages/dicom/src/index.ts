export { LEFT, RIGHT } from "./concepts/concept-data.ts";
export * from "./concepts/concepts.ts";
export * from "./dataset/attributes.ts";
export * from "./dataset/transfer-syntax.ts";
export { type ByteChunks, decimalString } from "./dataset/write-dataset.ts";
export {
  createDicomWebClient,
  type DicomWebClient,
  type DicomWebClientOptions,
  type InstanceAddress,
  type QueryParameters,
  type StoredInstance,
} from "./dicomweb/client.ts";
export { attributesFromDicomJson } from "./dicomweb/dicom-json.ts";
export type { DatabaseFactory } from "./dicomweb/indexed-db.ts";
export { boundaryOf, type MultipartPart, MultipartSplitter, multipartOfFiles } from "./dicomweb/multipart.ts";
export {
  type Outbox,
  type OutboxEntry,
  type OutboxFile,
  type OutboxOptions,
  openOutbox,
  type StoringClient,
} from "./dicomweb/outbox.ts";
export type { Fetch, FetchResponse, TransportOptions } from "./dicomweb/transport.ts";
export { type DicomFile, type ReadOptions, readPart10, type WriteOptions, writePart10 } from "./part10.ts";
export { rgbFromPalette } from "./pixels/palette.ts";
export { LABEL_MAP_SEGMENTATION_STORAGE, SEGMENTATION_STORAGE } from "./seg/codes.ts";
export { labFromRgb, rgbFromLab } from "./seg/color.ts";
export { decodeSeg } from "./seg/decode.ts";
export { encodeSeg } from "./seg/encode.ts";
export { type LabelSource, masksOfLabels } from "./seg/label-frames.ts";
export { matchToSeries } from "./seg/match.ts";
export { requireSameSegmentation } from "./seg/same-segmentation.ts";
export * from "./seg/types.ts";
export { type SegVerification, verifySeg } from "./seg/verify.ts";
export * from "./series/series.ts";
export * from "./series/source-instance.ts";
export { isUid, newUid, uidFromSeed } from "./uid.ts";
