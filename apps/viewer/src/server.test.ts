import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { openPacsSource } from "./data-source.ts";
import { sendText } from "./http/respond.ts";
import { replaceText } from "./http/reverse-proxy.ts";
import { type DicomwebHandler, isTrustedHost, startViewerServer, type ViewerServer } from "./server.ts";
import { temporaryFolder } from "./testing/small-instances.ts";

const page = "<html><script>var a=1</script><script src=/app.js></script></html>";

async function serve(
  folder: string,
  dicomweb: DicomwebHandler = async (_request, response) => sendText(response, 200, "dicom"),
  port = 0,
): Promise<ViewerServer & AsyncDisposable> {
  await mkdir(join(folder, "samrefine"), { recursive: true });
  await writeFile(join(folder, "index.html"), page);
  await writeFile(join(folder, "app.js"), "let x");
  await writeFile(join(folder, "app.js.gz"), gzipSync("let x"));
  await writeFile(join(folder, "samrefine", "index.js"), "export {}");
  const server = await startViewerServer({ web: folder, dicomweb, port, host: "127.0.0.1" });
  return { ...server, [Symbol.asyncDispose]: () => server.close() };
}

describe("the viewer server", () => {
  it.each(["/", "/app.js", "/samrefine/index.js", "/missing.js", "/dicom-web/studies", "/healthz", "/samrefine?x=1"])(
    "isolates %s from other origins",
    async (path) => {
      await using folder = await temporaryFolder();
      await using server = await serve(folder.path);
      const { headers } = await fetch(server.url + path);
      expect(headers.get("cross-origin-opener-policy")).toBe("same-origin");
      expect(headers.get("cross-origin-embedder-policy")).toBe("require-corp");
      expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
    },
  );

  it("allows no eval in the page and in our scripts, and inline scripts by digest alone", async () => {
    await using folder = await temporaryFolder();
    await using server = await serve(folder.path);
    const policyOf = async (path: string): Promise<string> =>
      (await fetch(server.url + path)).headers.get("content-security-policy") ?? "";
    const pagePolicy = await policyOf("/some/route");
    expect(pagePolicy).not.toMatch(/'unsafe-eval'|script-src[^;]*'unsafe-inline'|https?:|\*/);
    expect(pagePolicy).toContain("'sha256-WazVQOu5lmXfSreSrMJd1CsaQ4c00fUQpJfBYCuMSIw='");
    expect(await policyOf("/samrefine/index.js")).not.toContain("'unsafe-eval'");
    expect(await policyOf("/app.js")).toContain("'unsafe-eval'");
  });

  it("answers health, routes of the application, and missing files as such", async () => {
    await using folder = await temporaryFolder();
    await using server = await serve(folder.path);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect(await (await fetch(`${server.url}/samrefine?StudyInstanceUIDs=1`)).text()).toBe(page);
    expect((await fetch(`${server.url}/nothing.js`)).status).toBe(404);
    expect((await fetch(`${server.url}/`, { method: "POST" })).status).toBe(405);
  });

  it("sends the compressed copy and confirms an unchanged file", async () => {
    await using folder = await temporaryFolder();
    await using server = await serve(folder.path);
    const response = await fetch(`${server.url}/app.js`);
    expect(response.headers.get("content-encoding")).toBe("gzip");
    expect(await response.text()).toBe("let x");
    const tag = response.headers.get("etag") ?? "";
    expect((await fetch(`${server.url}/app.js`, { headers: { "If-None-Match": tag } })).status).toBe(304);
  });

  it("never leaves its folder", async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, "secret.txt"), "secret");
    const web = join(folder.path, "web");
    await mkdir(web);
    await using server = await serve(web);
    for (const path of ["/..%2fsecret.txt", "/%2e%2e/secret.txt", "/..%5csecret.txt", "/%00"]) {
      expect(await (await fetch(server.url + path)).text()).not.toContain("secret\n");
    }
  });

  it("says plainly that a port is taken", async () => {
    await using folder = await temporaryFolder();
    await using server = await serve(folder.path);
    const port = Number(new URL(server.url).port);
    await expect(serve(folder.path, undefined, port)).rejects.toMatchObject({
      code: "configuration",
      message: `Port ${port} is in use.`,
    });
  });
});

describe("isTrustedHost", () => {
  it.each([
    ["localhost:3000", "127.0.0.1", true],
    ["127.0.0.1", "127.0.0.1", true],
    ["[::1]:3000", "127.0.0.1", true],
    ["evil.example:3000", "127.0.0.1", false],
    ["evil.example", "0.0.0.0", true],
    ["viewer.hospital", "viewer.hospital", true],
    ["other.hospital", "viewer.hospital", false],
    ["a/b", "0.0.0.0", false],
    ["", "127.0.0.1", false],
  ])("%s at %s: %s", (header, bound, expected) => {
    expect(isTrustedHost(header, bound)).toBe(expected);
  });
});

describe("the reverse proxy", () => {
  it("forwards both ways and turns the PACS's addresses into ours", async () => {
    const seen: {
      url?: string | undefined;
      host?: string | undefined;
      authorization?: string | undefined;
      body?: string;
    } = {};
    const pacs = createServer((request, response) => {
      Object.assign(seen, {
        url: request.url,
        host: request.headers.host,
        authorization: request.headers.authorization,
      });
      let body = "";
      request.on("data", (chunk) => {
        body += String(chunk);
      });
      request.once("end", () => {
        seen.body = body;
        response.writeHead(202, {
          "Content-Type": "application/dicom+json",
          "Access-Control-Allow-Origin": "*",
          "Cross-Origin-Resource-Policy": "cross-origin",
        });
        response.end(JSON.stringify({ url: `http://${request.headers.host}/pacs/rs/studies/1` }));
      });
    });
    await new Promise<void>((resolve) => pacs.listen(0, "127.0.0.1", resolve));
    const { port } = pacs.address() as AddressInfo;
    await using folder = await temporaryFolder();
    await using server = await serve(folder.path, openPacsSource(`http://user:p%40ss@127.0.0.1:${port}/pacs/rs/`));
    const response = await fetch(`${server.url}/dicom-web/studies?PatientID=1`, { method: "POST", body: "hello" });
    expect(response.status).toBe(202);
    expect(await response.json()).toEqual({ url: `${server.url}/dicom-web/studies/1` });
    expect(seen).toEqual({
      url: "/pacs/rs/studies?PatientID=1",
      host: `127.0.0.1:${port}`,
      authorization: `Basic ${Buffer.from("user:p@ss").toString("base64")}`,
      body: "hello",
    });
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
    expect(response.headers.get("cross-origin-resource-policy")).toBe("same-origin");
    pacs.close();
    pacs.closeAllConnections();
  });

  it("says that the PACS does not answer", async () => {
    await using folder = await temporaryFolder();
    await using server = await serve(folder.path, openPacsSource("http://127.0.0.1:1/dicom-web"));
    const response = await fetch(`${server.url}/dicom-web/studies`);
    expect(response.status).toBe(502);
    expect(await response.text()).toContain("127.0.0.1:1");
  });

  it.each(["", "ftp://x/y", "not an address"])("refuses the address %j", (address) => {
    expect(() => openPacsSource(address)).toThrow(expect.objectContaining({ code: "configuration" }));
  });

  it("replaces text that lies across chunks", async () => {
    for (let at = 0; at <= 12; at += 1) {
      const text = "aXYZbXYXYZcX";
      const stream = replaceText("XYZ", "-");
      stream.write(text.slice(0, at));
      stream.end(text.slice(at));
      let result = "";
      for await (const chunk of stream) result += String(chunk);
      expect(result).toBe("a-bXY-cX");
    }
  });
});
