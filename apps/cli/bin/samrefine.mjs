#!/usr/bin/env node
// Starts the command line: from source in the workspace (the workspace's own Node strips the types), from dist otherwise.
// This file itself runs on any Node from version 20.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const cli = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(cli, "src", "main.ts");

if (existsSync(source)) {
  const child = spawn(nodeThatStripsTypes(), ["--conditions=@samrefine/source", source, ...process.argv.slice(2)], {
    stdio: "inherit",
  });
  // The terminal sends Ctrl-C to the child as well; a supervisor signals only this process.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  child.on("error", (error) => {
    console.error(`The command line cannot be started: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code) => process.exit(code ?? 1));
} else {
  await import("../dist/main.js");
}

function nodeThatStripsTypes() {
  const [major] = process.versions.node.split(".").map(Number);
  if (major >= 24) return process.execPath;
  try {
    return join(dirname(createRequire(import.meta.url).resolve("node/package.json")), "bin", "node");
  } catch {
    return process.execPath;
  }
}
