export * from "./contract.ts";
export * from "./raw-session.ts";
