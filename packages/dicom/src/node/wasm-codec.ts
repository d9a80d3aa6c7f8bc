/** One image in a codec's own memory; `delete` frees it. */
export interface WasmDecoder {
  getEncodedBuffer(byteLength: number): Uint8Array;
  decode(): void;
  getDecodedBuffer(): Uint8Array;
  getFrameInfo(): {
    readonly width: number;
    readonly height: number;
    readonly bitsPerSample: number;
    readonly componentCount: number;
  };
  /** JPEG-LS: 0 = the components one after the other, otherwise by line or by sample, which come out interleaved. */
  getInterleaveMode?(): number;
  delete(): void;
}

export type StartCodec<Name extends string> = (options: {
  readonly print: () => void;
  readonly printErr: () => void;
}) => Promise<Readonly<Record<Name, new () => WasmDecoder>>>;

/** A decoded image: one value per sample, samples of a pixel together. */
export interface DecodedImage {
  readonly data: Uint8Array | Uint16Array;
  readonly columns: number;
  readonly rows: number;
  readonly components: number;
}

/** Codecs write to the console otherwise; what goes wrong is reported by the caller. The module makes the object its own. */
function quiet(): Parameters<StartCodec<string>>[0] {
  return { print: () => undefined, printErr: () => undefined };
}

/** Loads a codec at its first use. A codec whose memory an error may have damaged is started anew. */
export class WasmCodec<Name extends string> {
  readonly #load: () => Promise<{ readonly default: StartCodec<Name> }>;
  readonly #decoder: Name;
  #started: ReturnType<StartCodec<Name>> | undefined;

  constructor(decoder: Name, load: () => Promise<{ readonly default: StartCodec<Name> }>) {
    this.#decoder = decoder;
    this.#load = load;
  }

  /** Rejects with whatever the codec throws. */
  async decode(bytes: Uint8Array): Promise<DecodedImage> {
    this.#started ??= this.#load().then((module) => module.default(quiet()));
    try {
      const Decoder = (await this.#started)[this.#decoder];
      const decoder = new Decoder();
      decoder.getEncodedBuffer(bytes.byteLength).set(bytes);
      decoder.decode();
      const image = imageOf(decoder);
      decoder.delete();
      return image;
    } catch (error) {
      this.#started = undefined;
      throw error;
    }
  }
}

function imageOf(decoder: WasmDecoder): DecodedImage {
  const { width: columns, height: rows, bitsPerSample, componentCount: components } = decoder.getFrameInfo();
  // A copy: the codec's memory is used again, and may move.
  const bytes = decoder.getDecodedBuffer().slice();
  const samples = bitsPerSample > 8 ? new Uint16Array(bytes.buffer) : bytes;
  const isPlanar = components > 1 && decoder.getInterleaveMode?.() === 0;
  return { data: isPlanar ? interleaved(samples, components) : samples, columns, rows, components };
}

/** Samples of a pixel together, from one plane per component. */
export function interleaved<T extends Uint8Array | Uint16Array>(planes: T, components: number): T {
  const pixels = planes.length / components;
  const out = planes.slice() as T;
  for (let component = 0; component < components; component++) {
    for (let i = 0; i < pixels; i++) out[i * components + component] = planes[component * pixels + i]!;
  }
  return out;
}
