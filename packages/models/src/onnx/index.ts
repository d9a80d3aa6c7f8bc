export * from "./absorb-projections.ts";
export * from "./build-model.ts";
export * from "./cut-sam-decoder.ts";
export type { OnnxDataType } from "./data-type.ts";
export * from "./inspect-model.ts";
export * from "./model-proto.ts";
export * from "./store-as-half.ts";
export * from "./store-as-int8.ts";
