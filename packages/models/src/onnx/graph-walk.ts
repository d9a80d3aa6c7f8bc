import type { GraphProto, NodeProto } from "./model-proto.ts";

/** Which node makes a tensor. */
export type Producers = ReadonlyMap<string, NodeProto>;

export function producersOf(graph: GraphProto): Producers {
  const producers = new Map<string, NodeProto>();
  for (const node of graph.node ?? []) for (const output of node.output ?? []) producers.set(output, node);
  return producers;
}

/** `start` and every node it depends on. */
export function nodesBehind(start: NodeProto, producers: Producers): Set<NodeProto> {
  const found = new Set<NodeProto>([start]);
  // A Set may grow while it is iterated over; what is added is visited too.
  for (const node of found) {
    for (const name of referencedNames(node)) {
      const producer = producers.get(name);
      if (producer) found.add(producer);
    }
  }
  return found;
}

/** Every tensor that `start` depends on. */
export function ancestorsOf(start: NodeProto, producers: Producers): Set<string> {
  return new Set([...nodesBehind(start, producers)].flatMap((node) => referencedNames(node)));
}

/** Every node that is needed to make `tensors`. */
export function nodesNeededFor(tensors: readonly string[], producers: Producers): Set<NodeProto> {
  const needed = new Set<NodeProto>();
  for (const tensor of tensors) {
    const producer = producers.get(tensor);
    if (producer) for (const node of nodesBehind(producer, producers)) needed.add(node);
  }
  return needed;
}

/** Names that a node reads, including those that the bodies of If and Loop take from the outer graph. */
export function referencedNames(node: NodeProto): string[] {
  const names = [...(node.input ?? [])];
  for (const attribute of node.attribute ?? []) {
    for (const body of [attribute.g, ...(attribute.graphs ?? [])]) {
      for (const inner of body?.node ?? []) names.push(...referencedNames(inner));
      for (const output of body?.output ?? []) names.push(output.name ?? "");
    }
  }
  return names;
}
