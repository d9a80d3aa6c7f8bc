export { type AbdomenPhantom, type AbdomenPhantomOptions, abdominalCtPhantom } from "./ct/abdomen-phantom.ts";
export { ABDOMEN_SEGMENTS } from "./ct/segments.ts";
export { abdominalCtStudyFiles } from "./dicom/abdominal-ct-study.ts";
export { type HandStudyOptions, handRadiographFile, handStudyFiles } from "./dicom/hand-study.ts";
export { exclusiveHandLabels } from "./hand/exclusive-labels.ts";
export { type HandPhantom, type HandPhantomOptions, handRadiographPhantom } from "./hand/hand-phantom.ts";
export { HAND_SEGMENTS } from "./hand/segments.ts";
