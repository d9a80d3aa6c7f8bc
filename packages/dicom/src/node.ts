// For Node: the codecs' WebAssembly is read from disk. In the viewer the host's own loader decodes images.
export { readFrame, type StoredFrame } from "./node/read-frame.ts";
