import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const pollMs = 250;
/** A lock without an owner is one whose maker has not yet written its name, or was killed before it could. */
const ownerGraceMs = 2000;

/**
 * Runs a build while no other process builds into the same folder: two viewers that start at once must not clear each
 * other's files. A lock whose process has ended is taken over.
 */
export async function withBuildLock<T>(
  directory: string,
  signal: AbortSignal | undefined,
  onWait: () => void,
  build: () => Promise<T>,
): Promise<T> {
  const lock = join(directory, ".building");
  await mkdir(directory, { recursive: true });
  let waited = 0;
  while (!(await claim(lock))) {
    if (waited === 0) onWait();
    const owner = Number(await readFile(join(lock, "pid"), "utf8").catch(() => ""));
    const abandoned = owner === 0 ? waited > ownerGraceMs : !isRunning(owner);
    if (abandoned) await rm(lock, { recursive: true, force: true });
    else await delay(pollMs, undefined, signal === undefined ? {} : { signal });
    waited += pollMs;
  }
  try {
    return await build();
  } finally {
    await rm(lock, { recursive: true, force: true });
  }
}

async function claim(lock: string): Promise<boolean> {
  try {
    await mkdir(lock);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
  await writeFile(join(lock, "pid"), String(process.pid));
  return true;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, as another user.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
