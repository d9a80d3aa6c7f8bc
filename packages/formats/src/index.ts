export {
  type LabelMapOptions,
  type NiftiLabelMapOptions,
  niftiOfSegmentation,
  nrrdOfSegmentation,
  type OnOverlap,
  pngOfSlice,
  type SliceSegmentation,
  segNrrdOfSegmentation,
} from "./download/slice-segmentation.ts";
export { createMsdDatasetJson, type MsdDatasetJson, type MsdDatasetOptions } from "./msd/dataset-json.ts";
export { type NiftiDatatype, type NiftiHeader, parseNiftiHeader } from "./nifti/nifti-header.ts";
export { type NiftiFile, readNifti } from "./nifti/read-nifti.ts";
export { type WriteNiftiOptions, writeNifti } from "./nifti/write-nifti.ts";
export {
  createNnunetDatasetJson,
  type NnunetDatasetJson,
  type NnunetDatasetOptions,
  nnunetPaths,
} from "./nnunet/dataset-json.ts";
export { createNnunetSplits, type NnunetSplit, type NnunetSplitOptions } from "./nnunet/splits.ts";
export { type NrrdFile, readNrrd } from "./nrrd/read-nrrd.ts";
export { readSegNrrd, type SegmentVoxels, type SegNrrd, segNrrdFromLabelmap, writeSegNrrd } from "./nrrd/seg-nrrd.ts";
export { writeNrrd } from "./nrrd/write-nrrd.ts";
export { type GreyImage, writeGreyPng } from "./png/write-png.ts";
export { reorderingBetween, reorderVoxels, type VoxelReordering } from "./reorient.ts";
export { niftiOfSlices, pngOfImage } from "./training/case-images.ts";
