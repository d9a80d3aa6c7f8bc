/**
 * The smallest useful ONNX file, y = Relu(x): a session of it shows whether a provider works at all, before megabytes of
 * weights are fetched. Written out so that the worker needs no protobuf codec; the test beside it rebuilds it.
 */
export function probeModel(): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

const base64 =
  "CAkSCXNhbXJlZmluZTpBChYKAXgSAXkaBlJlbHVfMCIEUmVsdToAEgVncmFwaFoPCgF4EgoKCAgBEgQKAggBYg8KAXkSCgoICAESBAoCCAFCBAoAEBE=";
