export { type NiftiDatatype, type NiftiHeader, parseNiftiHeader } from "./nifti/nifti-header.ts";
export { type NiftiFile, readNifti } from "./nifti/read-nifti.ts";
