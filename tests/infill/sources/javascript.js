// Carts of a shop.
import { readFile } from 'node:fs/promises';
const pattern = /["'`]\d+/g;

/**
 * It's one cart.
 */
export class Cart {
  #items = [];

  add(item) {
    this.#items.push({ ...item, label: `${item.name}: ${item.price.toFixed(2)} "€"` });
    return this;
  }

  total(rate = 0.19) {
    /* sum of all */ return this.#items.reduce((sum, { price }) => sum + price, 0) * (1 + rate);
  }
}

export async function load(path) {
  const text = await readFile(path, "utf8");
  const url = 'https://example.org/a//b'; // don't follow
  switch (text[0]) {
    case '[':
      return JSON.parse(text).map((row) => row['name']);
    default:
      throw new Error(`no list in ${path}
        but "${text.slice(0, 10)}"`);
  }
}
