export { webRawSessions } from "./raw-session-web.ts";
export type { WasmPaths } from "./web-runtime.ts";
