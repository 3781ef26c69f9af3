import type { Item } from "./item";

/* A store that's typed. */
export interface Options<T = string> {
  readonly name: T; // its name
  items?: Array<Item | null>;
}

export abstract class Store<T extends Item> implements Iterable<T> {
  private readonly all: Map<string, T> = new Map();

  constructor(protected options: Options) {}

  get(id: string): T | undefined {
    const found = this.all.get(`${this.options.name}/${id}`);
    if (found === undefined) throw new RangeError("no item '" + id + "'");
    return found as T;
  }

  abstract size(): number;
}

type Key = keyof Options & `on${string}`;
enum Color { Red = 'red', Green = "green" }
const keys = <K,>(value: K): K[] => [value]!;
export default keys;
