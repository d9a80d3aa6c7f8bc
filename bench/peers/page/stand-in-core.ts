// What ONNXSegmentationController reads of @cornerstonejs/core when it is loaded. Nothing of it runs in the benchmark.
export const Enums = { InterpolationType: { NEAREST: 0 }, Events: {} };
export const utilities = {};
export const eventTarget = new EventTarget();
export const cache = {};
export const triggerEvent = (): boolean => true;
