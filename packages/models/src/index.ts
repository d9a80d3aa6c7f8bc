export * from "./digest.ts";
export { fromHalf, largestHalf, toHalf } from "./half-float.ts";
export * from "./manifest.ts";
export * from "./model-index.ts";
export * from "./promptable-family.ts";
export * from "./series-match.ts";
