import { Graph } from "../graph/graph.ts";
import { type Network, parameterLayout } from "./network.ts";
import { parametersAsConstants } from "./parameters.ts";

export const EXPORTED_INPUT = "image";
export const EXPORTED_OUTPUT = "logits";

export interface ExportOptions {
  readonly rows: number;
  readonly columns: number;
  /** Written to the file's metadata, e.g. licence and title. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * The trained network as an ONNX inference model: input `image` [N, C, rows, columns] float32, output `logits`
 * [N, labels, rows, columns], N free.
 */
export function exportModel(network: Network, values: Float32Array, options: ExportOptions): Uint8Array<ArrayBuffer> {
  const { rows, columns, metadata = {} } = options;
  const graph = new Graph();
  const image = graph.input(
    EXPORTED_INPUT,
    [1, network.inputChannels, rows, columns],
    ["N", network.inputChannels, rows, columns],
  );
  const parameters = parametersAsConstants(graph, parameterLayout(network), values);
  const logits = graph.withoutGradient(() => network.apply(graph, parameters, image));
  graph.output(EXPORTED_OUTPUT, logits, ["N", network.outputChannels, rows, columns]);
  return graph.toModel("unet", { architecture: network.id, ...metadata });
}
