// What ONNXSegmentationController reads of @cornerstonejs/tools when it is loaded. Only the last event is sent.
export const Enums = { Events: {} };
export const annotation = { state: {} };
export const utilities = { IslandRemoval: class {}, planar: { filterAnnotationsForDisplay: () => [] } };
export const segmentation = {
  strategies: { fillInsideCircle: () => {} },
  triggerSegmentationEvents: { triggerSegmentationDataModified: () => {} },
};
export class LabelmapBaseTool {}
