export { type WebgpuSessionsOptions, webgpuRawSessions, webRawSessions } from "./raw-session-web.ts";
export type { WasmPaths } from "./web-runtime.ts";
