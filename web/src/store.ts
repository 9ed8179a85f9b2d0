// A value that several parts of the page look at, and a place in the browser where small wishes are kept.
import { useEffect, useState } from 'preact/hooks';

export interface Store<T> {
  get(): T;
  set(value: T): void;
  watch(watcher: (value: T) => void): () => void;
}

export function store<T>(value: T): Store<T> {
  const watchers = new Set<(value: T) => void>();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const watcher of [...watchers]) watcher(value);
    },
    watch(watcher) {
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
    },
  };
}

export function useStore<T>(from: Store<T>): T {
  const [value, setValue] = useState(from.get());
  useEffect(() => {
    setValue(() => from.get());
    return from.watch((next) => setValue(() => next));
  }, [from]);
  return value;
}

/** A wish that this browser remembers, one of `known`; the first of them where there is none, or no storage. */
export function wish<T extends string>(name: string, known: readonly T[]): Store<T> {
  let kept: string | null = null;
  try {
    kept = localStorage.getItem(`postern.${name}`);
  } catch {
    // Storage is switched off: the wish lasts as long as the page.
  }
  const one = store<T>(known.find((value) => value === kept) ?? known[0]!);
  one.watch((value) => {
    try {
      localStorage.setItem(`postern.${name}`, value);
    } catch {
      // As above.
    }
  });
  return one;
}
