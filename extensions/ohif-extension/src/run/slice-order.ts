/** All slices, the visible one first, then alternating outward: what the user looks at is ready first. */
export function outwardOrder(sliceCount: number, visible: number): number[] {
  const start = Math.min(Math.max(visible, 0), sliceCount - 1);
  const order: number[] = [];
  for (let distance = 0; order.length < sliceCount; distance++) {
    if (start + distance < sliceCount) order.push(start + distance);
    if (distance > 0 && start - distance >= 0) order.push(start - distance);
  }
  return order;
}
