import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type ModelManifest, verifyFile } from "@samrefine/models";
import { type Command, Option } from "commander";
import { addCommonOptions, type CommandContext, type CommonOptions, writeJson } from "../command-context.ts";
import { reasonOf } from "../dataset/dataset-error.ts";
import { listFolder } from "../dataset/list-folder.ts";
import { describeFiles } from "../models/describe-files.ts";
import { fetchModels } from "../models/fetch-models.ts";
import { loadManifest } from "../models/load-manifest.ts";
import { digestsName, verifyPack, writePack } from "../models/offline-pack.ts";
import { openEngine } from "../models/open-models.ts";
import { type StoredWeights, shrinkModel } from "../models/shrink-model.ts";
import { formatTable } from "../terminal/table.ts";

interface ModelsOptions extends CommonOptions {
  readonly folder: string;
}

interface DescribeOptions extends CommonOptions {
  readonly out?: string;
}

interface ShrinkOptions extends CommonOptions {
  readonly out: string;
  readonly weights: StoredWeights;
}

interface PackCommandOptions extends ModelsOptions {
  readonly out: string;
  readonly sam: boolean;
  readonly webgpu: boolean;
}

export function registerModels(program: Command, context: CommandContext): void {
  const models = program
    .command("models")
    .description("Look at the models in a folder, fetch others, pack them for a site without a network.");
  const list = models
    .command("list")
    .description("Manifests in a folder: what each model segments and how big it is.")
    .option("--folder <folder>", "folder whose sub-folders hold a manifest.json", "models");
  addCommonOptions(list).action((options: ModelsOptions) => listModels(options, context));
  const verify = models
    .command("verify")
    .description("Compare every model file with the size and SHA-256 of its manifest.")
    .argument("[manifest...]", "manifests; default: all of --folder, and its SHA256SUMS when it is a pack")
    .option("--folder <folder>", "folder whose sub-folders hold a manifest.json", "models");
  addCommonOptions(verify).action((paths: readonly string[], options: ModelsOptions) =>
    verifyModels(paths, options, context),
  );
  const describe = models
    .command("describe")
    .description("Draft a manifest from ONNX files: one is taken for a U-Net, two for encoder and decoder of a SAM.")
    .argument("<files...>", "one or two .onnx files")
    .option("--out <file>", "write the draft here instead of showing it");
  addCommonOptions(describe).action((files: readonly string[], options: DescribeOptions) =>
    describeModel(files, options, context),
  );
  const fetch = models
    .command("fetch")
    .description(
      "Download models by the address of their manifest or of an index; goes on where an earlier call stopped.",
    )
    .argument("<url>", "http(s) address of a manifest.json or an index.json")
    .option("--folder <folder>", "folder that gets a sub-folder per model", "models");
  addCommonOptions(fetch).action((url: string, options: ModelsOptions) => fetchCommand(url, options, context));
  const shrink = models
    .command("shrink")
    .description(
      "Store a model's weights in fewer bits: half or a quarter of the download, after both were asked the same question.",
    )
    .argument("<manifest>", "manifest of the model")
    .requiredOption("--out <folder>", "folder of the smaller model")
    .addOption(new Option("--weights <form>", "how weights are stored").choices(["half", "int8"]).default("half"));
  addCommonOptions(shrink).action((path: string, options: ShrinkOptions) => shrinkCommand(path, options, context));
  const pack = models
    .command("pack")
    .description(
      "Put models, the files of ONNX Runtime and their digests into one folder, for a site without a network.",
    )
    .argument("[manifest...]", "manifests; default: all of --folder")
    .requiredOption("--out <folder>", "the pack")
    .option("--folder <folder>", "folder whose sub-folders hold a manifest.json", "models")
    .option("--no-sam", "leave the default SAM out")
    .option("--webgpu", "also the runtime for WebGPU (27 MB)", false);
  addCommonOptions(pack).action((paths: readonly string[], options: PackCommandOptions) =>
    packModels(paths, options, context),
  );
}

async function describeModel(
  files: readonly string[],
  options: DescribeOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const { manifest, remarks } = await describeFiles(files);
  if (options.out === undefined) terminal.print(JSON.stringify(manifest, null, 2));
  else await writeJson(options.out, manifest);
  for (const remark of remarks) terminal.note(remark);
  if (options.json !== undefined) await writeJson(options.json, { command: "models describe", manifest, remarks });
}

async function fetchCommand(url: string, options: ModelsOptions, context: CommandContext): Promise<void> {
  const fetched = await fetchModels(url, options.folder, context);
  for (const { manifest, path, fetched: count } of fetched) {
    context.terminal.print(`${manifest.id}  ${path}  ${count} of ${manifest.files.length} files fetched`);
  }
  if (options.json !== undefined) await writeJson(options.json, { command: "models fetch", models: fetched });
}

async function shrinkCommand(
  path: string,
  options: ShrinkOptions,
  { terminal, signal }: CommandContext,
): Promise<void> {
  const engine = await openEngine(options);
  try {
    const shrunk = await shrinkModel(path, options.out, engine, { weights: options.weights, signal });
    const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
    terminal.print(
      `${shrunk.path}: ${megabytes(shrunk.bytesBefore)} became ${megabytes(shrunk.bytesAfter)}; the answers agree at ${(shrunk.agreement * 100).toFixed(2)} % of the places, the masks by an IoU of ${shrunk.maskIou.toFixed(4)}.`,
    );
    if (options.json !== undefined) await writeJson(options.json, { command: "models shrink", ...shrunk });
  } finally {
    await engine.dispose();
  }
}

async function packModels(
  paths: readonly string[],
  options: PackCommandOptions,
  { terminal, signal }: CommandContext,
): Promise<void> {
  const manifests = paths.length > 0 ? paths : await findManifests(options.folder);
  const digests = await writePack(options.out, {
    manifests,
    withDefaultSam: options.sam,
    withWebgpu: options.webgpu,
    signal,
  });
  terminal.print(
    `${digests.size} files in ${options.out}; check them with \`samrefine models verify --folder ${options.out}\`.`,
  );
  if (options.json !== undefined) {
    await writeJson(options.json, { command: "models pack", files: Object.fromEntries(digests) });
  }
}

async function listModels(options: ModelsOptions, { terminal }: CommandContext): Promise<void> {
  const found: { path: string; manifest: ModelManifest }[] = [];
  for (const path of await findManifests(options.folder)) found.push({ path, manifest: await loadManifest(path) });
  const rows = found.map(({ path, manifest }) => [
    manifest.id,
    manifest.version,
    path,
    `${(manifest.files.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6).toFixed(1)} MB`,
    manifest.licence.replace(/\s*[(:;].*$/s, " …"),
    manifest.task === "semantic-segmentation" ? nameSome(manifest.labels.map(({ label }) => label)) : "prompts",
  ]);
  terminal.print(formatTable(["id", "version", "manifest", "size", "licence", "segments"], rows));
  if (rows.some((row) => row.some((cell) => cell.endsWith("…"))))
    terminal.print("\n…: conditions of the licence stand in the manifest.");
  if (options.json !== undefined) await writeJson(options.json, { command: "models list", models: found });
}

/** As many names as a line has room for, and how many more there are. */
function nameSome(names: readonly string[]): string {
  const widest = 44;
  const count = names.findLastIndex((_, n) => names.slice(0, n + 1).join(", ").length <= widest) + 1;
  const shown = names.slice(0, Math.max(1, count)).join(", ");
  return count >= names.length ? shown : `${shown} and ${names.length - Math.max(1, count)} more`;
}

async function verifyModels(
  paths: readonly string[],
  options: ModelsOptions,
  { terminal, signal }: CommandContext,
): Promise<void> {
  const manifests = paths.length > 0 ? paths : await findManifests(options.folder);
  const rows: { model: string; file: string; ok: boolean; reason?: string }[] = [];
  for (const path of manifests) {
    const manifest = await loadManifest(path);
    for (const file of manifest.files) {
      signal.throwIfAborted();
      const location = join(dirname(resolve(path)), file.url);
      try {
        await verifyFile(await readFile(location), file, location);
        rows.push({ model: manifest.id, file: location, ok: true });
      } catch (error) {
        rows.push({ model: manifest.id, file: location, ok: false, reason: reasonOf(error) });
      }
    }
  }
  const wrong = paths.length > 0 ? undefined : await verifyPack(options.folder);
  for (const [file, reason] of wrong ?? []) rows.push({ model: digestsName, file, ok: false, reason });
  for (const { ok, model, file, reason } of rows) {
    terminal.print(`${ok ? "ok    " : "WRONG "} ${model}  ${file}${reason === undefined ? "" : `\n       ${reason}`}`);
  }
  if (options.json !== undefined) await writeJson(options.json, { command: "models verify", files: rows });
  if (rows.some(({ ok }) => !ok)) process.exitCode = 1;
}

async function findManifests(folder: string): Promise<readonly string[]> {
  const entries = await listFolder(folder, { recursive: true, hint: "Give the folder of the models with --folder." });
  return entries
    .filter((name) => /(^|[\\/])manifest\.json$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}
