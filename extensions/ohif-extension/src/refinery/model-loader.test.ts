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

test("an answer that never comes because the worker is lost is nobody's failure; what is asked next is", async () => {
  const { loader, asked, answers } = loaderWithSlowAnswers();
  const first = loader.ready({ segmentation }, {});
  await vi.waitFor(() => expect(answers).toHaveLength(1));
  answers[0]!.resolve(onWasm);
  await first;
  await loader.ready({ segmentation }, {});
  const crash = new RefineError("worker-crashed", "The background worker stopped unexpectedly.");
  answers[1]!.reject(crash);
  await loader.forgetCrashed(crash);
  expect(asked.at(-1)).toBe("dispose");
});
