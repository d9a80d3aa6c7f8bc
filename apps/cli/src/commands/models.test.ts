import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeThresholdModel } from "../testing/bright-disks.ts";
import { writeBrightnessSam } from "../testing/brightness-sam.ts";
import { runCommand } from "../testing/run-command.ts";

let root: string;
let source: string;
let server: Server;
let base: string;
/** Ranges that were asked for, one entry per request of a model file. */
let ranges: (string | undefined)[];
let breakOffAfter: number | undefined;
let knowsRanges: boolean;
let contents: Map<string, Buffer>;

/** A payload that is large enough to be cut in the middle. */
const weights = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 31) % 251));
const digest = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "samrefine-models-"));
  source = await writeThresholdModel(join(root, "source"));
  ranges = [];
  breakOffAfter = undefined;
  knowsRanges = true;
  const manifest = JSON.parse(await readFile(source, "utf8"));
  manifest.files = [{ role: "model", url: "weights/model.onnx", sha256: digest(weights), bytes: weights.length }];
  contents = new Map([
    ["/net/manifest.json", Buffer.from(JSON.stringify(manifest))],
    ["/net/weights/model.onnx", weights],
    ["/index.json", Buffer.from('{"schema":"samrefine-index/1","manifests":["net/manifest.json"]}')],
  ]);
  server = createServer((request, response) => {
    const content = contents.get(request.url ?? "");
    if (!content) return void response.writeHead(404).end();
    if (!request.url?.endsWith(".onnx")) return void response.end(content);
    const { range } = request.headers;
    ranges.push(range);
    const from = knowsRanges && range ? Number(/^bytes=(\d+)-$/.exec(range)?.[1]) : 0;
    if (from >= content.length) return void response.writeHead(416).end();
    const rest = content.subarray(from);
    response.writeHead(from > 0 ? 206 : 200, {
      "content-length": rest.length,
      ...(from > 0 ? { "content-range": `bytes ${from}-${content.length - 1}/${content.length}` } : {}),
    });
    if (breakOffAfter === undefined) return void response.end(rest);
    response.write(rest.subarray(0, breakOffAfter), () => setTimeout(() => response.destroy(), 30));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(root, { recursive: true });
});

const at = (...parts: readonly string[]): string => join(root, ...parts);
const fetchTo = (url: string) =>
  runCommand(["models", "fetch", url, "--folder", at("models"), "--json", at("fetch.json")]);
const fetchedPath = () => at("models", "threshold", "weights", "model.onnx");

test("models list names a few classes and the licence, in lines that a terminal has room for", async () => {
  const { exitCode, printed } = await runCommand([
    "models",
    "list",
    "--folder",
    join(import.meta.dirname, "../../../../models"),
  ]);
  expect(exitCode).toBe(0);
  expect(printed).toMatch(/unet-phantom-ct .*Apache-2\.0 +Liver, Spleen, Right kidney, Left kidney and 6 more$/m);
  expect(printed).toMatch(/unet-chest .*CC BY-NC-SA 4\.0 … +right lung, left lung, heart$/m);
  expect(printed).toMatch(/unet-tooth .*GPL-3\.0 … +tooth$/m);
});

describe("models fetch", () => {
  test("brings the files of an index, verified, and asks for nothing the second time", async () => {
    expect(await fetchTo(`${base}/index.json`)).toMatchObject({ exitCode: 0 });
    expect((await readFile(fetchedPath())).equals(weights)).toBe(true);
    expect(JSON.parse(await readFile(at("fetch.json"), "utf8"))).toMatchObject({ models: [{ fetched: 1 }] });
    expect(await runCommand(["models", "verify", "--folder", at("models")])).toMatchObject({ exitCode: 0 });
    await fetchTo(`${base}/net/manifest.json`);
    expect(ranges).toEqual([undefined]);
    expect(JSON.parse(await readFile(at("fetch.json"), "utf8"))).toMatchObject({ models: [{ fetched: 0 }] });
  });

  test("goes on where a transfer broke off, in the same call and in the next", async () => {
    breakOffAfter = 40_000;
    const broken = await fetchTo(`${base}/net/manifest.json`);
    expect(broken.exitCode).toBe(1);
    expect(broken.noted).toContain("goes on where it stopped");
    expect(ranges[0]).toBeUndefined();
    expect(ranges[1]).toMatch(/^bytes=[1-9]\d*-$/);
    const there = (await stat(`${fetchedPath()}.part`)).size;
    expect(there).toBeGreaterThan(40_000);
    breakOffAfter = undefined;
    expect(await fetchTo(`${base}/net/manifest.json`)).toMatchObject({ exitCode: 0 });
    expect(ranges.at(-1)).toBe(`bytes=${there}-`);
    expect((await readFile(fetchedPath())).equals(weights)).toBe(true);
  });

  test("a server without ranges sends all of it again, and the file is right", async () => {
    knowsRanges = false;
    await mkdir(dirname(fetchedPath()), { recursive: true });
    await writeFile(`${fetchedPath()}.part`, weights.subarray(0, 1000));
    expect(await fetchTo(`${base}/net/manifest.json`)).toMatchObject({ exitCode: 0 });
    expect((await readFile(fetchedPath())).equals(weights)).toBe(true);
  });

  test("another file than the manifest names never gets its name", async () => {
    contents.set("/net/weights/model.onnx", Buffer.from(weights).fill(7, 100, 120));
    const run = await fetchTo(`${base}/net/manifest.json`);
    expect(run.exitCode).toBe(1);
    expect(run.noted).toContain("not the file that the manifest names");
    await expect(stat(fetchedPath())).rejects.toThrow();
    await expect(stat(`${fetchedPath()}.part`)).rejects.toThrow();
    // A folder with a manifest is whole.
    await expect(stat(at("models", "threshold", "manifest.json"))).rejects.toThrow();
  });

  test.each([
    ["a missing file", () => contents.delete("/net/weights/model.onnx"), 1, /404/],
    [
      "a path out of the folder",
      () => {
        const text = contents
          .get("/net/manifest.json")!
          .toString()
          .replace("weights/model.onnx", "../../../model.onnx");
        contents.set("/net/manifest.json", Buffer.from(text));
      },
      1,
      /outside/,
    ],
    ["no JSON", () => contents.set("/net/manifest.json", Buffer.from("<html>")), 1, /could not be read/],
  ])("%s is said plainly", async (_, change, exitCode, words) => {
    change();
    const run = await fetchTo(`${base}/net/manifest.json`);
    expect(run.exitCode).toBe(exitCode);
    expect(run.noted).toMatch(words);
  });

  test("a path is no address", async () => {
    expect(await fetchTo("models/teeth")).toMatchObject({ exitCode: 2 });
  });
});

describe("models describe", () => {
  test("drafts the manifest of a U-Net that then loads, and says what it cannot know", async () => {
    const folder = dirname(source);
    const written = JSON.parse(await readFile(source, "utf8"));
    const run = await runCommand(["models", "describe", join(folder, written.files[0].url)]);
    expect(run).toMatchObject({ exitCode: 0 });
    const draft = JSON.parse(run.printed);
    expect(draft).toMatchObject({ task: "semantic-segmentation", tensors: written.tensors, files: written.files });
    expect(draft.labels).toHaveLength(written.labels.length);
    expect(run.noted).toContain("cannot be read from a graph");
  });

  test("knows encoder from decoder in any order, and the family by the decoder's tensors", async () => {
    const manifest = JSON.parse(await readFile(await writeBrightnessSam(at("sam")), "utf8"));
    const [encoder, decoder] = [at("sam", "encoder.onnx"), at("sam", "decoder.onnx")];
    for (const files of [
      [encoder, decoder],
      [decoder, encoder],
    ]) {
      const run = await runCommand(["models", "describe", ...files, "--out", at("draft.json")]);
      expect(run).toMatchObject({ exitCode: 0 });
      const { family, files: entries, encoder: names, frame, lowRes } = manifest;
      expect(JSON.parse(await readFile(at("draft.json"), "utf8"))).toMatchObject({
        family,
        files: entries,
        encoder: names,
        frame,
        lowRes,
      });
    }
    const twice = await runCommand(["models", "describe", encoder, encoder]);
    expect(twice.exitCode).toBe(1);
    expect(twice.noted).toContain("Neither file is a decoder");
    expect((await runCommand(["models", "describe", at("nothing.onnx")])).exitCode).toBe(2);
  });
});

describe("models shrink", () => {
  test.each(["half", "int8"])(
    "writes a model that answers the same, and says how much it saved: %s",
    async (weights) => {
      const manifest = await writeBrightnessSam(at("sam"));
      const out = at(`small-${weights}`);
      const run = await runCommand([
        "models",
        "shrink",
        manifest,
        "--out",
        out,
        "--weights",
        weights,
        "--threads",
        "1",
      ]);
      expect(run).toMatchObject({ exitCode: 0, noted: "" });
      expect(run.printed).toContain("agree at 100.00 % of the places, the masks by an IoU of 1.0000");
      expect(await runCommand(["models", "verify", join(out, "manifest.json")])).toMatchObject({ exitCode: 0 });
    },
  );
});

describe("models pack", () => {
  test("one folder with models, runtime and digests, which verify checks", async () => {
    const pack = at("pack");
    const run = await runCommand(["models", "pack", source, "--out", pack, "--no-sam"]);
    expect(run).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(await readFile(join(pack, "models", "index.json"), "utf8")).manifests).toEqual([
      "threshold/manifest.json",
    ]);
    const sums = await readFile(join(pack, "SHA256SUMS"), "utf8");
    expect(sums).toMatch(/^[0-9a-f]{64} {2}models\/threshold\/.+\.onnx$/m);
    expect(sums).toMatch(/^[0-9a-f]{64} {2}runtime\/ort-wasm-simd-threaded\.wasm$/m);
    expect(await runCommand(["models", "verify", "--folder", pack])).toMatchObject({ exitCode: 0 });
    const runtime = join(pack, "runtime", "ort-wasm-simd-threaded.mjs");
    await writeFile(runtime, `${await readFile(runtime, "utf8")}\n`);
    const damaged = await runCommand(["models", "verify", "--folder", pack]);
    expect(damaged.printed).toMatch(/WRONG .*runtime\/ort-wasm-simd-threaded\.mjs/);
    expect(damaged.exitCode).toBe(1);
  });
});
