// Emscripten modules of Cornerstone, as far as they are used. They carry no types of their own.
declare module "@cornerstonejs/codec-charls/decodewasmjs" {
  const start: import("./wasm-codec.ts").StartCodec<"JpegLSDecoder">;
  export default start;
}
declare module "@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs" {
  const start: import("./wasm-codec.ts").StartCodec<"JPEGDecoder">;
  export default start;
}
declare module "@cornerstonejs/codec-openjpeg/decodewasmjs" {
  const start: import("./wasm-codec.ts").StartCodec<"J2KDecoder">;
  export default start;
}
declare module "@cornerstonejs/codec-openjph/wasmjs" {
  const start: import("./wasm-codec.ts").StartCodec<"HTJ2KDecoder">;
  export default start;
}
declare module "jpeg-lossless-decoder-js" {
  export class Decoder {
    decode(buffer: ArrayBuffer, offset: number, length: number): Uint8Array | Uint16Array;
  }
}
