import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { dirname, extname, join } from "node:path";
import { repositoryDirectory } from "@samrefine/viewer/locations";
import type { Browser, Page } from "playwright-core";

/** A model to run by itself: its file and the one input that it takes. */
export interface BareModel {
  readonly file: string;
  readonly input: string;
  readonly dims: readonly number[];
}

type BareGlobal = typeof globalThis & { runBare(model: string, runs: number): Promise<readonly number[]> };

/**
 * The same model files on the same ONNX Runtime, options and thread count, in a worker of an empty page of the same browser:
 * what a run costs when nothing else is done. Inputs are noise; the cost of these networks does not depend on content.
 */
export class BareModels {
  readonly #server: Server;
  readonly #page: Page;

  private constructor(server: Server, page: Page) {
    this.#server = server;
    this.#page = page;
  }

  static async open(browser: Browser, models: Readonly<Record<string, BareModel>>): Promise<BareModels> {
    const require = createRequire(join(repositoryDirectory, "packages", "inference", "package.json"));
    const runtime = dirname(require.resolve("onnxruntime-web/wasm"));
    const server = createServer((request, response) => {
      const path = (request.url ?? "/").slice(1);
      const answer = async (): Promise<Uint8Array | string> => {
        if (path === "") return '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">';
        if (path === "worker.js") return workerSource(models);
        const model = models[path];
        return readFile(model ? model.file : join(runtime, path));
      };
      answer().then(
        (body) => {
          response.setHeader("Content-Type", contentTypes[extname(path)] ?? "text/html");
          response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
          response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
          response.end(body);
        },
        () => response.writeHead(404).end(),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const page = await (await browser.newContext()).newPage();
    page.setDefaultTimeout(0);
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.evaluate(() => {
      const worker = new Worker("/worker.js", { type: "module" });
      (globalThis as BareGlobal).runBare = (model, runs) =>
        new Promise((resolve, reject) => {
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = ({ message }) => reject(new Error(message));
          worker.postMessage({ model, runs });
        });
    });
    return new BareModels(server, page);
  }

  /** @returns milliseconds of each run; the first call for a model loads it and runs it once more */
  run(model: string, runs: number): Promise<readonly number[]> {
    return this.#page.evaluate(([name, count]) => (globalThis as BareGlobal).runBare(name, count), [
      model,
      runs,
    ] as const);
  }

  async close(): Promise<void> {
    await this.#page.context().close();
    this.#server.close();
  }
}

const contentTypes: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

/** As `createWebRuntime` of packages/inference sets the runtime up. */
function workerSource(models: Readonly<Record<string, BareModel>>): string {
  return `
    import * as ort from "/ort.wasm.min.mjs";
    ort.env.wasm.numThreads = Math.min(navigator.hardwareConcurrency, 8);
    ort.env.wasm.wasmPaths = "/";
    ort.env.logLevel = "error";
    const models = ${JSON.stringify(models)};
    const sessions = new Map();
    onmessage = async ({ data: { model, runs } }) => {
      const { input, dims } = models[model];
      if (!sessions.has(model)) {
        const bytes = new Uint8Array(await (await fetch("/" + model)).arrayBuffer());
        const options = { executionProviders: ["wasm"], graphOptimizationLevel: "all", logSeverityLevel: 3 };
        const session = await ort.InferenceSession.create(bytes, options);
        const noise = Float32Array.from({ length: dims.reduce((a, b) => a * b) }, (_, i) => Math.sin(i * 12.9898));
        const run = () => session.run({ [input]: new ort.Tensor("float32", noise, dims) });
        await run();
        sessions.set(model, run);
      }
      const run = sessions.get(model);
      const times = [];
      for (let index = 0; index < runs; index++) {
        const start = performance.now();
        await run();
        times.push(performance.now() - start);
      }
      postMessage(times);
    };`;
}
