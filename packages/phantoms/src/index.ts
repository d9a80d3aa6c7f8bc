export { type HandPhantom, type HandPhantomOptions, handRadiographPhantom } from "./hand/hand-phantom.ts";
export { HAND_SEGMENTS } from "./hand/segments.ts";
