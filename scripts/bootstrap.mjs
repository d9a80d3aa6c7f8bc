// Installs the dependencies when they are missing or older than the lockfile, so that `npm start` and `npm test` work
// straight after a clone. Runs on the machine's own Node (20 or later), before the workspace's Node exists.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, "node_modules", ".samrefine-lock");
const digest = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .digest("hex");

const [major] = process.versions.node.split(".").map(Number);
if (major < 20) {
  console.error(`Node 20 or later is needed, this is ${process.versions.node}.`);
  process.exit(1);
}
const fresh = existsSync(stamp) && readFileSync(stamp, "utf8") === digest;
if (!fresh) {
  console.log("Installing the pinned dependencies (npm ci) ...");
  const result = spawnSync("npm", ["ci", "--no-fund", "--no-audit", "--loglevel=error"], {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip" },
  });
  if (result.status !== 0) process.exit(result.status ?? 1);
  writeFileSync(stamp, digest);
}
