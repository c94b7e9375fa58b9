/** Sets and maps that are empty in nearly all of very many sessions, and then have no table: that of an empty `Set` takes 170 bytes. */

export class SparseSet<T> implements Iterable<T> {
  #items: Set<T> | undefined;

  get size(): number {
    return this.#items?.size ?? 0;
  }

  has(item: T): boolean {
    return this.#items?.has(item) ?? false;
  }

  add(item: T): void {
    this.#items ??= new Set();
    this.#items.add(item);
  }

  delete(item: T): boolean {
    const wasThere = this.#items?.delete(item) ?? false;
    if (this.#items?.size === 0) this.#items = undefined;
    return wasThere;
  }

  [Symbol.iterator](): Iterator<T> {
    return (this.#items ?? []).values();
  }
}

export class SparseMap<K, V> implements Iterable<[K, V]> {
  #items: Map<K, V> | undefined;

  get size(): number {
    return this.#items?.size ?? 0;
  }

  has(key: K): boolean {
    return this.#items?.has(key) ?? false;
  }

  get(key: K): V | undefined {
    return this.#items?.get(key);
  }

  set(key: K, value: V): void {
    this.#items ??= new Map();
    this.#items.set(key, value);
  }

  delete(key: K): boolean {
    const wasThere = this.#items?.delete(key) ?? false;
    if (this.#items?.size === 0) this.#items = undefined;
    return wasThere;
  }

  keys(): Iterable<K> {
    return this.#items?.keys() ?? [];
  }

  [Symbol.iterator](): Iterator<[K, V]> {
    return this.#items?.entries() ?? ([] as [K, V][]).values();
  }
}
