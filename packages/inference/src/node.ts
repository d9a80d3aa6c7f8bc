export * from "./raw-session-node.ts";
