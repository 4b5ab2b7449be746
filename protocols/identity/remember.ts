/** Sets an entry as the latest of a map, and drops the oldest entry where that makes too many. */
export function remember<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, entries_max: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= entries_max) return;
  const oldest = map.keys().next();
  if (oldest.done !== true) map.delete(oldest.value);
}
