/** Stands in for the browser's storage. */
export class Shelf {
  kept = new Map();
  get length() { return this.kept.size; }
  key = (index) => [...this.kept.keys()][index] ?? null;
  getItem = (key) => this.kept.get(key) ?? null;
  setItem = (key, value) => void this.kept.set(key, value);
  removeItem = (key) => void this.kept.delete(key);
}
