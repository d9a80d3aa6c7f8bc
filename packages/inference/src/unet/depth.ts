/**
 * Neighbouring slices as the depth axis of a 3D network [1, 1, depth, rows, columns]. Networks halve their depth several
 * times, while a slice has as many neighbours before it as after it: what is missing repeats the last slice.
 *
 * @param slices planar; at most `depth` planes.
 */
export function fillDepth(slices: Float32Array, plane: number, depth: number): Float32Array {
  if (slices.length === depth * plane) return slices;
  const result = new Float32Array(depth * plane);
  result.set(slices);
  const last = slices.subarray(slices.length - plane);
  for (let start = slices.length; start < result.length; start += plane) result.set(last, start);
  return result;
}

/** One slice of every channel: [channel, depth, rows, columns] to [channel, rows, columns]. */
export function planesAtDepth(values: Float32Array, plane: number, depth: number, index: number): Float32Array {
  const channels = values.length / (depth * plane);
  const result = new Float32Array(channels * plane);
  for (let channel = 0; channel < channels; channel++) {
    const start = (channel * depth + index) * plane;
    result.set(values.subarray(start, start + plane), channel * plane);
  }
  return result;
}
