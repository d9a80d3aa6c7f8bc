import { RefineError } from "@samrefine/core";
import type { BackendChoice } from "@samrefine/inference";
import type { PromptableManifest } from "@samrefine/models";
import { afterEach, expect, test, vi } from "vitest";
import { upperHalf } from "../session/study-run.fixture.ts";
import type { RefineryClient } from "./client.ts";
import { ModelLoader } from "./model-loader.ts";

afterEach(() => void vi.unstubAllGlobals());

const segmentation = { manifest: upperHalf, url: "https://models.test/unet.json" };
const promptable = { manifest: { id: "sam" } as PromptableManifest, url: "https://models.test/sam.json" };
const onWasm = [{ modelId: upperHalf.id, backend: "wasm" } as BackendChoice];

/** A worker that says where models run when the test lets it. */
function loaderWithSlowAnswers() {
  vi.stubGlobal("localStorage", { getItem: () => null, setItem: () => {} });
  const asked: string[] = [];
  const answers: { resolve(choices: readonly BackendChoice[]): void; reject(error: unknown): void }[] = [];
  const client: RefineryClient = {
    request: (async (name: string) => {
      asked.push(name);
      if (name === "open") return { description: "test" };
      if (name !== "choices") return undefined;
      return new Promise<readonly BackendChoice[]>((resolve, reject) => answers.push({ resolve, reject }));
    }) as RefineryClient["request"],
    isLost: false,
    dispose: async () => void asked.push("dispose"),
  };
  return { loader: new ModelLoader(() => client), asked, answers };
}

test("where models run is waited for when one was loaded, and only heard of later when all were there", async () => {
  const { loader, asked, answers } = loaderWithSlowAnswers();
  let isReady = false;
  const first = loader.ready({ segmentation }, {}).then(() => {
    isReady = true;
  });
  await vi.waitFor(() => expect(answers).toHaveLength(1));
  expect(isReady).toBe(false);
  answers[0]!.resolve(onWasm);
  await first;
  expect(loader.choices).toEqual(onWasm);

  await loader.ready({ segmentation }, {});
  expect(asked).toEqual(["open", "loadSegmenter", "choices", "choices"]);
  expect(loader.choices).toEqual(onWasm);
  const moved = [{ ...onWasm[0]!, backend: "webgpu" }];
  answers[1]!.resolve(moved);
  await vi.waitFor(() => expect(loader.choices).toEqual(moved));

  const withSam = loader.ready({ segmentation, promptable }, {});
  await vi.waitFor(() => expect(answers).toHaveLength(3));
  answers[2]!.resolve(onWasm);
  await withSam;
  expect(asked.slice(4)).toEqual(["loadPromptable", "choices"]);
});

test("an answer that never comes because the worker is lost is nobody's failure", async () => {
  const { loader, answers } = loaderWithSlowAnswers();
  const first = loader.ready({ segmentation }, {});
  await vi.waitFor(() => expect(answers).toHaveLength(1));
  answers[0]!.resolve(onWasm);
  await first;
  await loader.ready({ segmentation }, {});
  answers[1]!.reject(new RefineError("worker-crashed", "The background worker stopped unexpectedly."));
  await loader.ready({ segmentation }, {});
  expect(loader.choices).toEqual(onWasm);
});

interface MadeClient extends RefineryClient {
  isLost: boolean;
}

/** @param losesAt the first worker is lost when it is asked for this */
function make(losesAt?: string) {
  vi.stubGlobal("localStorage", { getItem: () => null, setItem: () => {} });
  const log: string[] = [];
  const clients: MadeClient[] = [];
  const loader = new ModelLoader(() => {
    const worker = clients.length + 1;
    const client: MadeClient = {
      isLost: false,
      request: (async (name) => {
        // A turn of the event loop, in which others may ask as well.
        await new Promise((resolve) => setTimeout(resolve));
        client.isLost ||= worker === 1 && name === losesAt;
        if (client.isLost) throw new RefineError("worker-crashed", "The background worker stopped unexpectedly.");
        if (name !== "choices") log.push(`${worker} ${name}`);
        return name === "choices" ? [] : undefined;
      }) as RefineryClient["request"],
      dispose: async () => void log.push(`${worker} ended`),
    };
    clients.push(client);
    return client;
  });
  return { loader, clients, log };
}

test("models are loaded once, however many ask for them at once", async () => {
  const { loader, clients, log } = make();
  const both = { segmentation, promptable };
  const got = await Promise.all([loader.ready(both, {}), loader.ready(both, {}), loader.ready({ segmentation }, {})]);
  expect(new Set(got)).toEqual(new Set(clients));
  expect(clients).toHaveLength(1);
  expect(log.filter((entry) => entry !== "1 open")).toEqual(["1 loadSegmenter", "1 loadPromptable"]);
});

test("a lost worker is ended, and a new one gets the models, once", async () => {
  const { loader, clients, log } = make();
  await loader.ready({ segmentation }, {});
  clients[0]!.isLost = true;
  log.length = 0;
  const [one, other] = await Promise.all([loader.ready({ segmentation }, {}), loader.ready({ segmentation }, {})]);
  expect([one, other]).toEqual([clients[1], clients[1]]);
  expect(log.filter((entry) => !entry.endsWith("open"))).toEqual(["1 ended", "2 loadSegmenter"]);
});

test("one that is lost while it loads fails that call alone", async () => {
  const { loader, clients } = make("loadSegmenter");
  await expect(loader.ready({ segmentation }, {})).rejects.toMatchObject({ code: "worker-crashed" });
  const next = await loader.ready({ segmentation }, {});
  expect(next).toBe(clients[1]);
});
