// npm run conformance [-- --json FILE]: runs the judges over the matrix and prints what each of them found.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const args = process.argv.slice(2);
const at = args.indexOf("--json");
if (at !== -1 && args[at + 1] === undefined) {
  console.error("--json wants a file name.");
  process.exit(2);
}
const rowsFile = join(mkdtempSync(join(tmpdir(), "samrefine-rows-")), "rows.json");
const vitest = join(root, "node_modules/vitest/vitest.mjs");
const { status } = spawnSync(
  process.execPath,
  [vitest, "run", "--config", "vitest.conformance.config.ts", "--reporter=dot"],
  { cwd: root, stdio: "inherit", env: { ...process.env, SAMREFINE_CONFORMANCE_ROWS: rowsFile } },
);
if (existsSync(rowsFile)) {
  const { rows } = JSON.parse(readFileSync(rowsFile, "utf8"));
  const width = Math.max(4, ...rows.map((row) => row.what.length));
  console.log(`\n${"what".padEnd(width)}  ${"judge".padEnd(9)}  errors  warnings  detail`);
  for (const { what, judge, errors, warnings, detail } of rows) {
    const counts = `${String(errors).padStart(6)}  ${String(warnings).padStart(8)}`;
    console.log(`${what.padEnd(width)}  ${judge.padEnd(9)}  ${counts}  ${detail.slice(0, 120)}`);
  }
  const sum = (key) => rows.reduce((total, row) => total + row[key], 0);
  console.log(`\n${rows.length} verdicts: ${sum("errors")} errors, ${sum("warnings")} warnings`);
  if (at !== -1) copyFileSync(rowsFile, args[at + 1]);
}
process.exit(status ?? 1);
