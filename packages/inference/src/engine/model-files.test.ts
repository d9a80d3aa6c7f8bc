import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { sha256Hex } from "@samrefine/models";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fetchFile, readModelFile, resolveFileUrl } from "./model-files.ts";

describe("resolveFileUrl", () => {
  test.each([
    ["model.onnx", "https://a.org/models/teeth/manifest.json", "https://a.org/models/teeth/model.onnx"],
    ["../weights/m.onnx", "https://a.org/models/teeth/manifest.json", "https://a.org/models/weights/m.onnx"],
    ["https://b.org/m.onnx", "https://a.org/manifest.json", "https://b.org/m.onnx"],
    ["model.onnx", "/models/teeth/manifest.json", "/models/teeth/model.onnx"],
    ["model.onnx", "C:\\models\\manifest.json", "C:\\models\\model.onnx"],
    ["model.onnx", "manifest.json", "model.onnx"],
  ])("%s beside %s is %s", (url, manifest, expected) => {
    expect(resolveFileUrl(url, manifest)).toBe(expected);
  });
});

describe("files over HTTP", () => {
  const content = new Uint8Array(300_000).map((_, i) => i);
  let server: Server;
  let base: string;

  beforeAll(async () => {
    server = createServer((request, response) => {
      if (request.url === "/model.onnx") response.end(content);
      else if (request.url === "/broken.onnx") {
        response.writeHead(200, { "content-length": content.length });
        response.write(content.subarray(0, 1000), () => response.destroy());
      } else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterAll(() => new Promise((resolve) => server.close(resolve)));

  test("progress grows to the size of the file and ends there", async () => {
    const files = [
      { role: "model" as const, url: "model.onnx", sha256: await sha256Hex(content), bytes: content.length },
    ];
    const completed: number[] = [];
    const { bytes, origin } = await readModelFile(files, "model", `${base}/manifest.json`, fetchFile, {
      onProgress: (progress) => completed.push(progress.completed),
    });
    expect(origin).toBe(`${base}/model.onnx`);
    expect(bytes).toEqual(content);
    expect(completed).toEqual(completed.toSorted((a, b) => a - b));
    expect(completed.at(-1)).toBe(content.length);
    expect(completed.filter((value) => value === content.length)).toHaveLength(1);
  });

  test("a missing file, a broken transfer and a dead server each say what happened", async () => {
    await expect(fetchFile(`${base}/no.onnx`, {})).rejects.toMatchObject({
      code: "model-fetch",
      details: { status: 404, url: `${base}/no.onnx` },
    });
    await expect(fetchFile(`${base}/broken.onnx`, { onBytes: () => {} })).rejects.toMatchObject({
      code: "model-fetch",
      message: expect.stringContaining("broke off"),
    });
    await expect(fetchFile("http://127.0.0.1:1/m.onnx", {})).rejects.toMatchObject({
      code: "model-fetch",
      details: { status: 0 },
    });
  });

  test("an aborted fetch rejects with the caller's reason", async () => {
    const controller = new AbortController();
    controller.abort("closed");
    await expect(fetchFile(`${base}/model.onnx`, { signal: controller.signal })).rejects.toBe("closed");
  });

  test("a role that the manifest does not list is named", async () => {
    const call = readModelFile([], "decoder", `${base}/manifest.json`, fetchFile, {});
    await expect(call).rejects.toMatchObject({ code: "model-manifest", details: { role: "decoder" } });
  });
});
