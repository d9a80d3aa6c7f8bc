import { RefineError } from "@samrefine/core";

export interface MultipartPart {
  readonly contentType: string;
  readonly body: Uint8Array;
}

const CR = 0x0d;
const LF = 0x0a;
const DASH = 0x2d;

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff);
}

function broken(message: string): RefineError {
  return new RefineError("dicomweb", `The server's multipart answer is broken: ${message}`, {
    hint: "Try again; if it stays, look at the server's log.",
  });
}

/** The boundary of a `multipart/related` content type; undefined for any other. */
export function boundaryOf(contentType: string): string | undefined {
  if (!/^\s*multipart\/related\b/i.test(contentType)) return undefined;
  const match = /;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType);
  return match?.[1] ?? match?.[2];
}

function indexOf(bytes: Uint8Array, pattern: Uint8Array, from: number, end: number): number {
  const last = end - pattern.byteLength;
  const first = pattern[0]!;
  for (let at = bytes.indexOf(first, from); at !== -1 && at <= last; at = bytes.indexOf(first, at + 1)) {
    let i = 1;
    while (i < pattern.byteLength && bytes[at + i] === pattern[i]) i++;
    if (i === pattern.byteLength) return at;
  }
  return -1;
}

/**
 * Takes a `multipart/related` body (RFC 2046 5.1) apart while it arrives. `push` returns the parts that are complete;
 * `finish` refuses a body that ended early. Every byte is looked at once.
 */
export class MultipartSplitter {
  readonly #delimiter: Uint8Array;
  #bytes: Uint8Array = new Uint8Array(1 << 16);
  #length = 0;
  /** Up to here no delimiter begins. */
  #searched = 0;
  #inside = false;
  #closed = false;

  constructor(boundary: string) {
    this.#delimiter = ascii(`\r\n--${boundary}`);
    // The first delimiter may stand at the very beginning; this makes it look like all the others.
    this.#append(Uint8Array.of(CR, LF));
  }

  #append(chunk: Uint8Array): void {
    if (this.#length + chunk.byteLength > this.#bytes.byteLength) {
      const grown = new Uint8Array(Math.max(this.#length + chunk.byteLength, this.#bytes.byteLength * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(chunk, this.#length);
    this.#length += chunk.byteLength;
  }

  #drop(count: number): void {
    this.#bytes.copyWithin(0, count, this.#length);
    this.#length -= count;
    this.#searched = 0;
  }

  push(chunk: Uint8Array): readonly MultipartPart[] {
    if (this.#closed) return [];
    this.#append(chunk);
    const parts: MultipartPart[] = [];
    for (;;) {
      const at = indexOf(this.#bytes, this.#delimiter, this.#searched, this.#length);
      if (at === -1) {
        this.#searched = Math.max(0, this.#length - this.#delimiter.byteLength + 1);
        return parts;
      }
      const after = at + this.#delimiter.byteLength;
      // What follows the delimiter decides: "--" ends the body, a line break begins a part.
      if (this.#length < after + 2) {
        this.#searched = at;
        return parts;
      }
      if (this.#inside) parts.push(parsePart(this.#bytes.slice(0, at)));
      if (this.#bytes[after] === DASH && this.#bytes[after + 1] === DASH) {
        this.#closed = true;
        return parts;
      }
      this.#inside = true;
      this.#drop(after);
    }
  }

  /** @throws RefineError `dicomweb` when the closing delimiter never came. */
  finish(): void {
    if (!this.#closed) throw broken("it ended before its closing boundary.");
  }
}

/** `bytes`: from behind the delimiter to the next one: rest of the line, header lines, an empty line, the body. */
function parsePart(bytes: Uint8Array): MultipartPart {
  const blank = indexOf(bytes, ascii("\r\n\r\n"), 0, bytes.byteLength);
  if (blank === -1) throw broken("a part has no header.");
  let header = "";
  for (const byte of bytes.subarray(0, blank)) header += String.fromCharCode(byte);
  const contentType = /^content-type:\s*(.+)$/im.exec(header)?.[1]?.trim() ?? "";
  return { contentType, body: bytes.slice(blank + 4) };
}

/**
 * A `multipart/related` body of DICOM files for STOW-RS (PS3.18 10.5). `boundary` must occur in none of them; one that is
 * made of random digits does not.
 */
export function multipartOfFiles(files: readonly Uint8Array[], boundary: string): Uint8Array<ArrayBuffer> {
  const head = ascii(`--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`);
  const tail = ascii("\r\n");
  const end = ascii(`--${boundary}--\r\n`);
  const total = files.reduce((sum, file) => sum + head.byteLength + file.byteLength + tail.byteLength, end.byteLength);
  const out = new Uint8Array(total);
  let at = 0;
  const put = (bytes: Uint8Array): void => {
    out.set(bytes, at);
    at += bytes.byteLength;
  };
  for (const file of files) {
    put(head);
    put(file);
    put(tail);
  }
  put(end);
  return out;
}
