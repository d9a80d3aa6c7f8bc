import { type AttributeValue, nodeProto, type TensorValue, tensorProto } from "./build-model.ts";
import type { NodeProto, TensorProto } from "./model-proto.ts";

/** Writes nodes one after the other; every operation returns the name of its result, so that operations nest as formulas do. */
export class NodeWriter {
  readonly nodes: NodeProto[];
  readonly constants: TensorProto[];
  readonly #names: { count: number };
  readonly #prefix: string;

  /** @param prefix of all names, which no other tensor of the graph may begin with. */
  constructor(prefix: string, shared?: { readonly constants: TensorProto[]; readonly names: { count: number } }) {
    this.#prefix = prefix;
    this.nodes = [];
    this.constants = shared?.constants ?? [];
    this.#names = shared?.names ?? { count: 0 };
  }

  op(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    output: string = this.#name(op),
  ): string {
    this.nodes.push(nodeProto({ op, name: output, inputs, outputs: [output], attributes }, 0));
    return output;
  }

  /** A constant, [data.length] unless `dims` say otherwise. */
  floats(data: Float32Array, dims: readonly number[] = [data.length]): string {
    return this.#constant({ name: this.#name("floats"), dataType: "float32", dims, data });
  }

  integers(...values: readonly number[]): string {
    const data = BigInt64Array.from(values, BigInt);
    return this.#constant({ name: this.#name("integers"), dataType: "int64", dims: [values.length], data });
  }

  /** 0 in `shape` keeps the axis of the input at that place, -1 takes what is left. */
  reshape(input: string, ...shape: readonly number[]): string {
    return this.op("Reshape", [input, this.integers(...shape)]);
  }

  transpose(input: string, ...perm: readonly number[]): string {
    return this.op("Transpose", [input], { perm: { ints: perm } });
  }

  /**
   * One of two sub-graphs, which see everything written so far, and share the weights.
   * @param condition name of a bool tensor with one element.
   * @param outputs names of the results, where others know them by those.
   * @returns names of the results, as many as each body returns.
   */
  choose(
    condition: string,
    whenTrue: (body: NodeWriter) => readonly string[],
    whenFalse: (body: NodeWriter) => readonly string[],
    outputs: readonly string[] = [],
  ): string[] {
    const body = (build: (writer: NodeWriter) => readonly string[]) => {
      const writer = new NodeWriter(this.#prefix, { constants: this.constants, names: this.#names });
      const results = build(writer);
      // A result of the body must be made in it; only what is not is copied.
      const made = new Set(writer.nodes.flatMap((node) => node.output ?? []));
      const output = results.map((name) => ({ name: made.has(name) ? name : writer.op("Identity", [name]) }));
      return { name: this.#name("body"), node: writer.nodes, output };
    };
    const [thenBranch, elseBranch] = [body(whenTrue), body(whenFalse)];
    const results = thenBranch.output.map((_, i) => outputs[i] ?? this.#name("chosen"));
    const attributes = { then_branch: { graph: thenBranch }, else_branch: { graph: elseBranch } };
    this.nodes.push(
      nodeProto({ op: "If", name: this.#name("If"), inputs: [condition], outputs: results, attributes }, 0),
    );
    return results;
  }

  #constant(value: TensorValue): string {
    this.constants.push(tensorProto(value));
    return value.name;
  }

  #name(of: string): string {
    return `${this.#prefix}/${of}_${this.#names.count++}`;
  }
}
