export * from "./host-types.ts";
export * from "./mode.ts";
export * from "./toolbar.ts";
