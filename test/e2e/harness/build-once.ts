import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { repositoryDirectory } from "./artifacts.ts";

/**
 * Builds the viewer before the first suite, so that no test waits for it. By its own command: what vitest loads before the
 * suites does not follow the sources' export condition, and would run an old compilation where one lies.
 */
export default async function setup(): Promise<void> {
  if (process.env.SAMREFINE_E2E_ALLOW_STOCK === "1") return;
  const script = join(repositoryDirectory, "apps", "viewer", "src", "build.ts");
  const build = spawn(process.execPath, ["--conditions=@samrefine/source", script], { stdio: "inherit" });
  const [status] = await once(build, "exit");
  if (status !== 0) throw new Error(`The viewer could not be built (exit status ${status}).`);
}
