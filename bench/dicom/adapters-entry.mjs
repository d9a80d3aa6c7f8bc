// What is bundled of the other side: as OHIF calls it, with Cornerstone itself.
export {
  createFromDICOMSegBuffer,
  generateSegmentation,
} from "@cornerstonejs/adapters/cornerstone3D/Segmentation/index";
export { cache, metaData } from "@cornerstonejs/core";
export { data } from "dcmjs";
